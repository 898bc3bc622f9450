//! Whether a request is for a function's URL, and for which one.
//!
//! ```text
//! http://URL-ID.lambda-url.localhost:9000/…      by host, as on AWS; also URL-ID.lambda-url.REGION.on.aws
//! http://localhost:9000/lambda-url/NAME/…        by path, as `cargo lambda watch` has it
//! ```

use http::{header::HOST, request};
use lambda_protocol::sigv4::payload_hash;

/// What a request to a function's URL says of its function and of its own path.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Address<'a> {
    pub(crate) function: Named<'a>,
    /// Still percent-encoded; begins with `/`.
    pub(crate) raw_path: &'a str,
}

#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Named<'a> {
    /// As [`url_id`] makes it, in lower case.
    Id(String),
    Name(&'a str),
}

impl<'a> Address<'a> {
    /// `None`: a call of Lambda's API. The host counts before the path.
    pub(crate) fn of(head: &'a request::Parts) -> Option<Self> {
        let path = head.uri.path();
        if let Some(id) = host(head).and_then(id_in_host) {
            // Of `OPTIONS *` too, a function hears as of its root.
            let raw_path = if path.starts_with('/') { path } else { "/" };
            return Some(Self { function: Named::Id(id.to_ascii_lowercase()), raw_path });
        }
        let rest = path.strip_prefix(PATH)?;
        let (name, raw_path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        Some(Self { function: Named::Name(name), raw_path: if raw_path.is_empty() { "/" } else { raw_path } })
    }
}

/// The id of a function's URL, the same for as long as its name is: 32 of `a-z2-7`, the name's SHA-256 in part.
pub fn url_id(name: &str) -> String {
    let hash = payload_hash(name.as_bytes());
    let groups = hash.chunks_exact(GROUP_BYTES).take(ID_CHARS / GROUP_CHARS);
    let digits = groups.flat_map(|group| {
        let bits = group.iter().fold(0u64, |bits, byte| bits << 8 | u64::from(*byte));
        (0..GROUP_CHARS).rev().map(move |at| DIGITS[(bits >> (at * 5) & 31) as usize])
    });
    digits.map(char::from).collect()
}

/// Where URLs by path begin.
pub const PATH: &str = "/lambda-url/";

/// What stands between the id and the rest of a host.
const LABEL: &str = "lambda-url";

/// Source: the ids that AWS gives.
const ID_CHARS: usize = 32;
/// So many bytes are so many digits of five bits.
const GROUP_BYTES: usize = 5;
const GROUP_CHARS: usize = 8;
/// RFC 4648's base 32, in lower case, as hosts have it.
const DIGITS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

fn host(head: &request::Parts) -> Option<&str> {
    head.uri.host().or_else(|| {
        let host = head.headers.get(HOST)?.to_str().ok()?;
        Some(host.split_once(':').map_or(host, |(name, _port)| name))
    })
}

/// The id, whatever it is, in a host of one of the two forms; their letters may be of either case.
fn id_in_host(host: &str) -> Option<&str> {
    let (id, rest) = host.split_once('.')?;
    let (label, rest) = rest.split_once('.')?;
    let is_local = rest.eq_ignore_ascii_case("localhost");
    let is_aws = rest
        .split_once('.')
        .is_some_and(|(region, rest)| !region.is_empty() && rest.eq_ignore_ascii_case("on.aws"));
    (label.eq_ignore_ascii_case(LABEL) && (is_local || is_aws)).then_some(id)
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    #[track_caller]
    fn check(host: &str, target: &str, expected: Option<(Named<'_>, &str)>) {
        let head = Request::get(target).header(HOST, host).body(()).unwrap().into_parts().0;
        let expected = expected.map(|(function, raw_path)| Address { function, raw_path });
        assert_eq!(Address::of(&head), expected, "{host} {target}");
    }

    fn id(id: &str) -> Named<'_> {
        Named::Id(id.to_owned())
    }

    #[test]
    fn a_host_names_a_function_and_leaves_it_the_whole_path() {
        for host in [
            "abc.lambda-url.localhost",
            "abc.lambda-url.localhost:9000",
            "ABC.Lambda-Url.LocalHost",
            "abc.lambda-url.us-east-1.on.aws",
        ] {
            check(host, "/", Some((id("abc"), "/")));
            check(host, "/lambda-url/a/b%20c?d=e", Some((id("abc"), "/lambda-url/a/b%20c")));
            check(
                host,
                "/2015-03-31/functions/a/invocations",
                Some((id("abc"), "/2015-03-31/functions/a/invocations")),
            );
        }
        check("other", "http://abc.lambda-url.localhost/a", Some((id("abc"), "/a")));
    }

    #[test]
    fn a_path_names_one_and_loses_its_beginning() {
        let name = || Named::Name("hello");
        for (target, raw_path) in [
            ("/lambda-url/hello", "/"),
            ("/lambda-url/hello/", "/"),
            ("/lambda-url/hello//a", "//a"),
            ("/lambda-url/hello/a%2Fb?c", "/a%2Fb"),
        ] {
            check("localhost:9000", target, Some((name(), raw_path)));
        }
        check("localhost", "/lambda-url/", Some((Named::Name(""), "/")));
    }

    #[test]
    fn all_else_is_lambdas_api() {
        for host in [
            "localhost",
            "lambda-url.localhost",
            "a.lambda-url.on.aws",
            "a.lambda-url.x.example",
            "[::1]:9000",
        ] {
            check(host, "/2015-03-31/functions/a/invocations", None);
            check(host, "/lambda-url", None);
        }
    }

    #[test]
    fn an_id_is_32_letters_and_digits_and_never_another() {
        assert_eq!(url_id("hello"), "ftze3os7wcrq4jxihmvmlopctynrmhs4");
        assert!(url_id("Hello_2-x").bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()));
        assert_ne!(url_id("a"), url_id("b"));
    }
}
