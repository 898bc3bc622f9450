//! Lambda's counter against loops: the `Lineage` of a trace, `1:a87bd80c:3`, or several joined by `|`.
//!
//! Each function that runs in a trace has an entry: a hash of its name, and how often it was called again since it first
//! ran. The form is seen on headers of the real service (older ones lack the `1:`); the hash is ours, as AWS's is not known.
//! Source of the bound: Lambda developer guide, "Use Lambda recursive loop detection": about 16 runs in one chain.

use std::fmt::Write as _;

use lambda_protocol::trace::{MAX_LINEAGE_BYTES, as_text, digits};

/// A trace's lineage once `function` has been called in it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Called {
    /// For the function's own trace header.
    pub(crate) lineage: String,
    /// How often the function was called in this trace before.
    pub(crate) again: u32,
}

impl Called {
    /// The function has run as often as a loop may.
    pub(crate) fn is_loop(&self) -> bool {
        self.again >= MAX_RUNS
    }
}

/// `lineage` is the caller's, if it has one. What is no entry in it is dropped, and so are the oldest entries if there
/// are too many for a header.
pub(crate) fn call(lineage: Option<&str>, function: &str) -> Called {
    let digits = digits::<HASH_DIGITS>(crc32fast::hash(function.as_bytes()).into());
    let hash = as_text(&digits);
    let mut entries: Vec<(&str, u32)> = lineage.unwrap_or_default().split('|').filter_map(entry).collect();
    let again = match entries.iter().position(|(known, _)| *known == hash) {
        Some(at) => entries.remove(at).1.saturating_add(1),
        None => 0,
    };
    entries.push((hash, again));
    let mut lineage = render(&entries);
    while lineage.len() > MAX_LINEAGE_BYTES && entries.len() > 1 {
        entries.remove(0);
        lineage = render(&entries);
    }
    Called { lineage, again }
}

fn entry(text: &str) -> Option<(&str, u32)> {
    let (rest, count) = text.rsplit_once(':')?;
    let hash = rest.strip_prefix(VERSION).unwrap_or(rest);
    let is_hash = hash.len() == HASH_DIGITS && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    Some((hash, count.parse().ok()?)).filter(|_| is_hash)
}

fn render(entries: &[(&str, u32)]) -> String {
    let mut text = String::new();
    for (at, (hash, count)) in entries.iter().enumerate() {
        let separator = if at == 0 { "" } else { "|" };
        write!(text, "{separator}{VERSION}{hash}:{count}").expect("writing to a String cannot fail");
    }
    text
}

const VERSION: &str = "1:";
const HASH_DIGITS: usize = 8;

/// Runs of one function in one chain.
pub(crate) const MAX_RUNS: u32 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_counted_each_time_it_is_called_in_a_trace() {
        let first = call(None, "a");
        assert_eq!(first.lineage, "1:e8b7be43:0");
        let second = call(Some(&first.lineage), "b");
        assert_eq!(second.lineage, "1:e8b7be43:0|1:71beeff9:0");
        let third = call(Some(&second.lineage), "a");
        assert_eq!((third.lineage.as_str(), third.again), ("1:71beeff9:0|1:e8b7be43:1", 1));
    }

    #[test]
    fn the_seventeenth_run_is_a_loop() {
        let mut called = call(None, "a");
        for run in 2..=MAX_RUNS {
            called = call(Some(&called.lineage), "a");
            assert!(!called.is_loop(), "run {run}");
        }
        assert!(call(Some(&called.lineage), "a").is_loop());
    }

    #[test]
    fn what_others_wrote_is_kept_if_it_is_an_entry() {
        assert_eq!(
            call(Some("a87bd80c:1|?|1:68fd508a:5"), "a").lineage,
            "1:a87bd80c:1|1:68fd508a:5|1:e8b7be43:0"
        );
        assert_eq!(call(Some("x"), "a").lineage, "1:e8b7be43:0");
    }

    #[test]
    fn a_lineage_always_fits_its_header() {
        let mut called = call(None, "a");
        for n in 0..100 {
            called = call(Some(&called.lineage), &format!("f{n}"));
            assert!(called.lineage.len() <= MAX_LINEAGE_BYTES);
        }
        assert!(called.lineage.ends_with(&call(None, "f99").lineage), "{}", called.lineage);
    }
}
