//! Request paths, worked on as the caller wrote them: nothing is decoded that a function will see.
//!
//! The query never comes here: it goes to the function byte for byte.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use crate::Rejection;

/// The first segment of `rest`, still encoded, and what follows it: empty, or beginning with `/`.
pub fn split_segment(rest: &str) -> (&str, &str) {
    rest.split_at(rest.find('/').unwrap_or(rest.len()))
}

/// One segment's text, percent-decoded once. May hold any character then, `/` too: the dialect's grammar judges it.
///
/// # Errors
/// [`Rejection::Malformed`] for an escape without two hex digits, and where the bytes are not UTF-8.
pub fn decode_segment(segment: &str) -> Result<Cow<'_, str>, Rejection> {
    check_escapes(segment)?;
    let decoded = percent_decode_str(segment).decode_utf8();
    decoded.map_err(|_| Rejection::Malformed("the path is not UTF-8".to_owned()))
}

/// The path that a function sees: `rest` byte for byte, or `/` where nothing follows the function's name.
///
/// # Errors
/// [`Rejection::Malformed`] for an escape without two hex digits, and for `.` and `..` segments, however they are
/// encoded: the next one to resolve them would leave the function's own paths.
pub fn function_path(rest: &str) -> Result<String, Rejection> {
    check_escapes(rest)?;
    if rest.split('/').any(hides_dots) {
        return Err(Rejection::Malformed("the path has a dot segment".to_owned()));
    }
    Ok(if rest.is_empty() { "/".to_owned() } else { rest.to_owned() })
}

fn check_escapes(text: &str) -> Result<(), Rejection> {
    let mut parts = text.split('%');
    parts.next();
    let whole =
        |part: &str| matches!(part.as_bytes(), [a, b, ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit());
    if parts.all(whole) {
        Ok(())
    } else {
        Err(Rejection::Malformed("the path has a broken percent-escape".to_owned()))
    }
}

/// Is this segment a dot segment once decoded, or does an encoded slash make it several of which one is?
fn hides_dots(segment: &str) -> bool {
    let decoded: Cow<'_, [u8]> = percent_decode_str(segment).into();
    decoded.split(|byte| *byte == b'/').any(|part| part == b"." || part == b"..")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check_path(rest: &str, expected: Option<&str>) {
        assert_eq!(function_path(rest).ok().as_deref(), expected, "the function's path for {rest:?}");
    }

    #[track_caller]
    fn check_segment(segment: &str, expected: Option<&str>) {
        assert_eq!(decode_segment(segment).ok().as_deref(), expected, "decoding {segment:?}");
    }

    #[test]
    fn a_segment_ends_before_the_next_slash() {
        assert_eq!(split_segment("echo"), ("echo", ""));
        assert_eq!(split_segment("echo/"), ("echo", "/"));
        assert_eq!(split_segment("echo/a//b"), ("echo", "/a//b"));
        assert_eq!(split_segment("/a"), ("", "/a"));
        assert_eq!(split_segment("a%2Fb/c"), ("a%2Fb", "/c"));
    }

    #[test]
    fn a_path_stays_as_it_was_sent() {
        check_path("", Some("/"));
        check_path("/", Some("/"));
        check_path("/a%2Fb/%C3%BC//c;d=1/", Some("/a%2Fb/%C3%BC//c;d=1/"));
        check_path("/...", Some("/..."));
        check_path("/%252e%252e", Some("/%252e%252e"));
        check_path("/%FF", Some("/%FF"));
    }

    #[test]
    fn dot_segments_are_refused_however_they_are_written() {
        for rest in ["/.", "/..", "/a/../b", "/%2e", "/%2E%2e/a", "/.%2E", "/a%2F..%2fb", "/..%2f"] {
            check_path(rest, None);
        }
    }

    #[test]
    fn broken_escapes_are_refused() {
        for text in ["/%", "/%4", "/%zz", "/a%2", "/%%41"] {
            check_path(text, None);
            check_segment(text, None);
        }
    }

    #[test]
    fn a_segment_is_decoded_once() {
        check_segment("na%20me%2F%C3%BC", Some("na me/ü"));
        check_segment("%2541", Some("%41"));
        check_segment("a+b", Some("a+b"));
        check_segment("%FF", None);
    }

    proptest! {
        #[test]
        fn a_path_is_kept_whole_or_refused(rest in "(/[a-zA-Z0-9%./]{0,8}){0,5}") {
            match function_path(&rest) {
                Ok(kept) if rest.is_empty() => prop_assert_eq!(kept, "/"),
                Ok(kept) => prop_assert_eq!(kept, rest),
                Err(rejection) => prop_assert!(matches!(rejection, Rejection::Malformed(_))),
            }
        }

        #[test]
        fn nothing_panics_on_any_text(text in any::<String>()) {
            let _ = (split_segment(&text), decode_segment(&text), function_path(&text));
        }
    }
}
