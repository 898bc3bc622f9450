//! Which header fields cross the gateway, and in which direction.
//!
//! Three families cross in neither direction:
//!
//! * fields of one connection: RFC 9110 §7.6.1, and whatever `Connection` itself lists;
//! * secrets: what any dialect's callers may present, whichever dialect is being spoken;
//! * platform words: what only a platform says about a call (`x-amz-*`, `x-stedi-*`, …). A function that believed one
//!   from a caller, or a caller one from a function, could be told anything.
//!
//! Besides, `x-callback-url` and `expect` are for the gateway and go to no function, and the framing of a function's
//! answer is the HTTP server's business. All else crosses as it is, repeated fields included.

use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::Credential;

/// What a function may see of the caller's headers.
pub fn for_function(headers: &HeaderMap) -> HeaderMap {
    let listed = connection_options(headers);
    let mut crossing = HeaderMap::with_capacity(headers.keys_len());
    for (name, value) in headers {
        if crosses(name, &listed) && !FOR_THE_GATEWAY.contains(name) {
            crossing.append(name.clone(), value.clone());
        }
    }
    crossing
}

/// What a caller may see of the function's headers.
///
/// # Errors
/// More than [`MAX_ANSWER_FIELDS`] fields or [`MAX_ANSWER_HEADER_BYTES`] bytes would cross.
pub fn from_function(mut headers: HeaderMap) -> Result<HeaderMap, AnswerHeadersError> {
    let listed = connection_options(&headers);
    let stays = |name: &&HeaderName| !crosses(name, &listed) || FRAMING.contains(name);
    let staying: Vec<HeaderName> = headers.keys().filter(stays).cloned().collect();
    for name in staying {
        headers.remove(name);
    }
    let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if headers.len() > MAX_ANSWER_FIELDS {
        Err(AnswerHeadersError::Fields)
    } else if bytes > MAX_ANSWER_HEADER_BYTES {
        Err(AnswerHeadersError::Bytes)
    } else {
        Ok(headers)
    }
}

/// What of a function's answer may be sent to a callback's URL: fields of an answer become fields of a request there, so
/// what would name another host, carry the gateway's own words or ask for yet another callback stays here.
pub fn for_callback(headers: &HeaderMap) -> HeaderMap {
    let listed = connection_options(headers);
    let mut crossing = HeaderMap::with_capacity(headers.keys_len());
    for (name, value) in headers {
        let ours = CALLBACK_PREFIXES.iter().any(|prefix| name.as_str().starts_with(prefix));
        let stays = ours
            || OF_A_REQUEST.contains(name)
            || FRAMING.contains(name)
            || FOR_THE_GATEWAY.contains(name)
            || !crosses(name, &listed);
        if !stays {
            crossing.append(name.clone(), value.clone());
        }
    }
    crossing
}

/// The secret in `Authorization`, without its scheme word if that is one of `schemes` (in any case).
///
/// Any other text is the secret as a whole: a bare key is as good as one with its word, and what is no key is unknown
/// rather than absent.
pub fn authorization(headers: &HeaderMap, schemes: &[&str]) -> Option<Credential> {
    let text = headers.get(header::AUTHORIZATION)?.as_bytes();
    let (word, rest) = text.split_at(text.iter().position(|byte| *byte == b' ').unwrap_or(0));
    let known = schemes.iter().any(|scheme| word.eq_ignore_ascii_case(scheme.as_bytes()));
    Some(Credential::new(if known { rest.trim_ascii() } else { text }))
}

/// Why a function's headers cannot be sent on.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum AnswerHeadersError {
    #[error("more than {MAX_ANSWER_FIELDS} header fields")]
    Fields,
    #[error("more than {MAX_ANSWER_HEADER_BYTES} bytes of header fields")]
    Bytes,
}

/// Fields in one answer, repeated ones counted each. Ours: what Python's `http.client` reads at most.
pub const MAX_ANSWER_FIELDS: usize = 100;

/// Bytes of all names and values in one answer. Ours: four times what Node's HTTP client reads by default.
pub const MAX_ANSWER_HEADER_BYTES: usize = 65_536;

/// Does a field of this name belong to the two ends, rather than to a connection, a platform or a key's holder?
fn crosses(name: &HeaderName, listed: &[HeaderName]) -> bool {
    let reserved = PLATFORM_PREFIXES.iter().any(|prefix| name.as_str().starts_with(prefix));
    let of_a_connection = CONNECTION.contains(name) || listed.contains(name);
    !(reserved || of_a_connection || SECRETS.contains(name) || PLATFORM.contains(name))
}

/// The names that `Connection` lists. What is no name names no field.
fn connection_options(headers: &HeaderMap) -> Vec<HeaderName> {
    let names = |value: &HeaderValue| -> Vec<HeaderName> {
        let options = value.as_bytes().split(|byte| *byte == b',');
        options.filter_map(|option| HeaderName::from_bytes(option.trim_ascii()).ok()).collect()
    };
    headers.get_all(header::CONNECTION).iter().flat_map(names).collect()
}

/// RFC 9110 §7.6.1, and §11.7 for the proxy's own authentication.
static CONNECTION: [HeaderName; 8] = [
    header::CONNECTION,
    HeaderName::from_static("proxy-connection"),
    HeaderName::from_static("keep-alive"),
    header::PROXY_AUTHENTICATE,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

static SECRETS: [HeaderName; 3] =
    [header::AUTHORIZATION, header::PROXY_AUTHORIZATION, HeaderName::from_static("x-eywa-token")];

/// Eywa's edge vouched for the user with the first; OpenFaaS marks its own errors with the second.
static PLATFORM: [HeaderName; 2] =
    [HeaderName::from_static("x-eywa-user-id"), HeaderName::from_static("x-openfaas-internal")];

/// Lambda's (`x-amz-invocation-type`, `x-amz-security-token`, `x-amzn-errortype`, `x-amzn-trace-id`, …), Stedi's and ours.
const PLATFORM_PREFIXES: [&str; 4] = ["x-amz-", "x-amzn-", "x-stedi-", "x-stayput-"];

/// The callback's URL travels sealed in the ticket; the gateway itself answers `Expect: 100-continue`.
static FOR_THE_GATEWAY: [HeaderName; 2] = [HeaderName::from_static("x-callback-url"), header::EXPECT];

/// What the gateway says of a callback: `x-function-status` and the like, and the signature.
const CALLBACK_PREFIXES: [&str; 3] = ["x-function-", "webhook-", "x-redrive"];

/// Meaningless in an answer; in a request, another's to say.
static OF_A_REQUEST: [HeaderName; 2] = [header::HOST, header::COOKIE];

/// Said anew by whoever writes the answer's bytes. (`Transfer-Encoding` is a field of the connection already.)
static FRAMING: [HeaderName; 1] = [header::CONTENT_LENGTH];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn map(fields: &[(&str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in fields {
            map.append(
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_str(value).unwrap(),
            );
        }
        map
    }

    #[track_caller]
    fn check_request(sent: &[(&str, &str)], seen: &[(&str, &str)]) {
        assert_eq!(for_function(&map(sent)), map(seen), "what a function sees of {sent:?}");
    }

    #[track_caller]
    fn check_answer(given: &[(&str, &str)], sent: &[(&str, &str)]) {
        assert_eq!(from_function(map(given)), Ok(map(sent)), "what a caller sees of {given:?}");
    }

    #[test]
    fn ordinary_fields_cross_both_ways_with_all_their_values() {
        let fields = [
            ("accept", "a/b"),
            ("x-tag", "1"),
            ("x-tag", "2"),
            ("cookie", "a=1"),
            ("content-type", "text/plain"),
            ("x-forwarded-for", "192.0.2.1"),
            ("set-cookie", "a=1"),
            ("set-cookie", "b=2"),
        ];
        check_request(&fields, &fields);
        check_answer(&fields, &fields);
    }

    #[test]
    fn fields_of_a_connection_stay_on_it() {
        let fields = [
            ("connection", "keep-alive, X-Private ,, not a name"),
            ("connection", "x-other"),
            ("x-private", "1"),
            ("x-other", "1"),
            ("keep-alive", "timeout=5"),
            ("te", "trailers"),
            ("trailer", "x-sum"),
            ("upgrade", "websocket"),
            ("proxy-connection", "close"),
            ("transfer-encoding", "chunked"),
        ];
        check_request(&fields, &[]);
        check_answer(&fields, &[]);
    }

    #[test]
    fn no_secret_reaches_a_function_whichever_dialect_it_is_of() {
        let fields = [("authorization", "Bearer a"), ("proxy-authorization", "b"), ("x-eywa-token", "c")];
        check_request(&fields, &[]);
        check_answer(&fields, &[]);
    }

    #[test]
    fn platform_words_cannot_be_forged_from_either_side() {
        let fields = [
            ("x-amz-invocation-type", "Event"),
            ("x-amzn-errortype", "X"),
            ("x-amzn-trace-id", "Root=1"),
            ("x-stedi-invocationerror", "Unhandled"),
            ("x-stayput-anything", "1"),
            ("x-eywa-user-id", "root"),
            ("x-openfaas-internal", "proxy"),
        ];
        check_request(&fields, &[]);
        check_answer(&fields, &[]);
    }

    #[test]
    fn the_gateways_own_fields_go_to_no_function() {
        check_request(
            &[("x-callback-url", "http://a"), ("expect", "100-continue"), ("x-a", "1")],
            &[("x-a", "1")],
        );
    }

    #[test]
    fn a_function_knows_the_bodys_length_and_never_sets_an_answers() {
        check_request(&[("content-length", "2")], &[("content-length", "2")]);
        check_answer(&[("content-length", "2"), ("x-a", "1")], &[("x-a", "1")]);
    }

    #[test]
    fn a_callback_carries_a_functions_fields_and_none_that_are_a_requests_or_ours() {
        let fields = map(&[
            ("content-type", "text/plain"),
            ("x-tag", "1"),
            ("x-tag", "2"),
            ("set-cookie", "a=1"),
            ("host", "internal.example"),
            ("cookie", "a=1"),
            ("content-length", "2"),
            ("transfer-encoding", "chunked"),
            ("connection", "x-hop"),
            ("x-hop", "1"),
            ("expect", "100-continue"),
            ("authorization", "Bearer a"),
            ("x-callback-url", "http://a"),
            ("x-function-status", "200"),
            ("webhook-signature", "v1,a"),
            ("x-redrive", "1"),
            ("x-stayput-hops", "0"),
            ("x-openfaas-internal", "proxy"),
        ]);
        let sent =
            map(&[("content-type", "text/plain"), ("x-tag", "1"), ("x-tag", "2"), ("set-cookie", "a=1")]);
        assert_eq!(for_callback(&fields), sent);
    }

    #[test]
    fn an_answers_headers_are_bounded_in_number_and_size() {
        let with_fields = |count: usize| map(&vec![("x-tag", "1"); count]);
        assert!(from_function(with_fields(MAX_ANSWER_FIELDS)).is_ok());
        assert_eq!(from_function(with_fields(MAX_ANSWER_FIELDS + 1)), Err(AnswerHeadersError::Fields));
        let with_bytes = |count: usize| map(&[("x", &"v".repeat(count - 1))]);
        assert!(from_function(with_bytes(MAX_ANSWER_HEADER_BYTES)).is_ok());
        assert_eq!(from_function(with_bytes(MAX_ANSWER_HEADER_BYTES + 1)), Err(AnswerHeadersError::Bytes));
    }

    #[test]
    fn a_secret_is_read_with_and_without_its_scheme_word() {
        let read = |text: &str| authorization(&map(&[("authorization", text)]), &["Key", "Bearer"]).unwrap();
        for text in ["Key s3cret", "key  s3cret", "BEARER s3cret", "s3cret"] {
            assert_eq!(read(text).expose(), b"s3cret", "{text:?}");
        }
        for text in ["Basic s3cret", "Keys3cret", "Key", "", "Key s3 cret"] {
            assert_ne!(read(text).expose(), b"s3cret", "{text:?}");
        }
        assert_eq!(authorization(&HeaderMap::new(), &["Key"]), None);
    }

    proptest! {
        #[test]
        fn what_belongs_to_a_connection_never_crosses(
            names in proptest::collection::vec("[a-zA-Z][a-zA-Z-]{0,12}", 0..8),
            listed in proptest::collection::vec("[a-zA-Z][a-zA-Z-]{0,12}", 0..4),
        ) {
            let mut fields: Vec<(&str, &str)> = names.iter().chain(&listed).map(|name| (name.as_str(), "1")).collect();
            let options = listed.join(", ");
            fields.push(("connection", &options));
            fields.extend(CONNECTION.iter().map(|name| (name.as_str(), "1")));
            for crossed in [for_function(&map(&fields)), from_function(map(&fields)).unwrap()] {
                for name in CONNECTION.iter().map(HeaderName::as_str).chain(listed.iter().map(String::as_str)) {
                    prop_assert!(!crossed.contains_key(name), "{name} crossed");
                }
            }
        }
    }
}
