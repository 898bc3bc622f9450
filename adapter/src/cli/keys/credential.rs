//! The credential that a caller holds already.

use std::io::{IsTerminal as _, Read as _};

use http::{HeaderValue, Request};
use stayput_core::DIALECTS;

use crate::cli::{Failure, terminal::say};

/// From standard input; without the line break that a file or a terminal puts behind it.
///
/// # Errors
/// There is none, or no header could carry it.
pub(super) fn read() -> Result<Vec<u8>, Failure> {
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        say("Paste the credential, then press Enter and Ctrl-D:");
    }
    let mut secret = Vec::new();
    stdin.take(MAX_CREDENTIAL_BYTES + 2).read_to_end(&mut secret)?;
    check(without_line_break(&secret)).map(<[u8]>::to_vec).map_err(Failure::usage)
}

/// Would callers of `dialects` present this? Not where it begins with a word that is sent before credentials: then
/// what was given is a header's whole value, and it is never met. Never quotes it.
pub(super) fn check_for(dialects: &[String], secret: &[u8]) -> Result<(), String> {
    let chosen = DIALECTS.iter().filter(|dialect| dialects.iter().any(|name| name == dialect.name()));
    for dialect in chosen {
        let (name, _) = dialect.credential_header("");
        let Ok(value) = HeaderValue::from_bytes(secret) else { continue };
        let (head, ()) = Request::builder().header(name, value).body(()).expect("a request").into_parts();
        if dialect.credential(&head).is_some_and(|read| read.expose() != secret) {
            let name = dialect.name();
            return Err(format!(
                "the credential begins with the word that {name}'s callers send before it; leave it out"
            ));
        }
    }
    Ok(())
}

fn without_line_break(text: &[u8]) -> &[u8] {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    text.strip_suffix(b"\r").unwrap_or(text)
}

/// Could a header carry this as it is? Never quotes it.
fn check(secret: &[u8]) -> Result<&[u8], String> {
    let edge = |byte: Option<&u8>| byte.is_some_and(|byte| matches!(byte, b' ' | b'\t'));
    if secret.is_empty() {
        Err("standard input has no credential; write e.g. `stayput keys add … < credential`".to_owned())
    } else if secret.len() as u64 > MAX_CREDENTIAL_BYTES {
        Err(format!("the credential is over the limit of {MAX_CREDENTIAL_BYTES} bytes"))
    } else if edge(secret.first()) || edge(secret.last()) {
        Err("the credential begins or ends with white space, which HTTP takes away; remove it".to_owned())
    } else if secret.iter().any(|&byte| byte.is_ascii_control() && byte != b'\t') {
        Err("the credential has a line break or another control character, which no header can carry"
            .to_owned())
    } else {
        Ok(secret)
    }
}

/// What HTTP servers take in a header field.
const MAX_CREDENTIAL_BYTES: u64 = 8_192;

#[cfg(test)]
mod tests {
    #[track_caller]
    fn check_dialect(dialect: &str, secret: &str, fits: bool) {
        assert_eq!(
            super::check_for(&[dialect.to_owned()], secret.as_bytes()).is_ok(),
            fits,
            "{dialect} {secret:?}"
        );
    }

    #[test]
    fn a_headers_whole_value_is_no_credential() {
        check_dialect("altair", "abc", true);
        check_dialect("altair", "Bearer abc", false);
        check_dialect("stedi", "Key abc", false);
        check_dialect("stedi", "abc", true);
        check_dialect("openfaas", "abc", true);
        check_dialect("openfaas", "Bearer abc", false);
        check_dialect("eywa", "Bearer abc", true);
    }

    #[track_caller]
    fn check_text(text: &[u8], expected: Option<&[u8]>) {
        assert_eq!(super::check(super::without_line_break(text)).ok(), expected, "{text:?}");
    }

    #[test]
    fn one_line_break_is_taken_away_and_nothing_else() {
        check_text(b"s3cret", Some(b"s3cret"));
        check_text(b"s3cret\n", Some(b"s3cret"));
        check_text(b"s3cret\r\n", Some(b"s3cret"));
        check_text(b"s3cret\n\n", None);
        check_text(b"two words", Some(b"two words"));
        check_text(b" s3cret", None);
        check_text(b"s3cret \n", None);
        check_text(b"\n", None);
        check_text(&[b'x'; 9_000], None);
    }
}
