//! Which header fields cross between a caller and a function, and what the service says in them.
//!
//! Source: AWS Lambda developer guide, "Function URLs: request payload format", and events that functions have printed.

use std::net::SocketAddr;

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{
        AUTHORIZATION, CONNECTION, CONTENT_LENGTH, EXPECT, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE,
        TRAILER, TRANSFER_ENCODING, UPGRADE, WWW_AUTHENTICATE,
    },
};

use crate::function::UrlAuth;

/// The two ends of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ends {
    pub(crate) caller: SocketAddr,
    pub(crate) service: SocketAddr,
}

impl Ends {
    /// The caller's address as functions see it.
    pub(crate) fn source_ip(self) -> String {
        self.caller.ip().to_canonical().to_string()
    }
}

/// What a function sees of a request's headers. A signature was for the service, and stays here.
pub(crate) fn for_function(
    sent: &HeaderMap,
    auth: UrlAuth,
    ends: Ends,
    trace: &HeaderValue,
    body_bytes: usize,
) -> HeaderMap {
    let mut headers = end_to_end(sent);
    headers.remove(EXPECT);
    match auth {
        UrlAuth::Open => {}
        UrlAuth::Iam => drop(headers.remove(AUTHORIZATION)),
    }
    if body_bytes > 0 {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(body_bytes));
    }
    let source = HeaderValue::try_from(ends.source_ip()).expect("addresses are ASCII");
    headers.insert(X_FORWARDED_FOR, source);
    headers.insert(X_FORWARDED_PORT, HeaderValue::from(ends.service.port()));
    headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static("http"));
    headers.insert(X_AMZN_TRACE_ID, trace.clone());
    headers
}

/// What a caller sees of an answer's headers: its framing is the connection's, and challenges are the service's alone.
pub(crate) fn from_function(given: &HeaderMap) -> HeaderMap {
    let mut headers = end_to_end(given);
    headers.remove(CONTENT_LENGTH);
    headers.remove(WWW_AUTHENTICATE);
    let challenges = given.get_all(WWW_AUTHENTICATE).iter();
    headers.extend(challenges.map(|challenge| (REMAPPED_WWW_AUTHENTICATE, challenge.clone())));
    headers
}

pub(crate) const X_AMZN_TRACE_ID: HeaderName = HeaderName::from_static("x-amzn-trace-id");
/// Not in the guide: AWS's users report the name.
const REMAPPED_WWW_AUTHENTICATE: HeaderName = HeaderName::from_static("x-amzn-remapped-www-authenticate");
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Without the fields that belong to one connection: RFC 9110 §7.6.1, §11.7, and whatever `Connection` itself lists.
fn end_to_end(headers: &HeaderMap) -> HeaderMap {
    let listed = |value: &HeaderValue| -> Vec<HeaderName> {
        let options = value.as_bytes().split(|byte| *byte == b',');
        options.filter_map(|option| HeaderName::from_bytes(option.trim_ascii()).ok()).collect()
    };
    let listed: Vec<_> = headers.get_all(CONNECTION).iter().flat_map(listed).collect();
    let fields = headers.iter().filter(|(name, _)| !OF_A_CONNECTION.contains(name) && !listed.contains(name));
    fields.map(|(name, value)| (name.clone(), value.clone())).collect()
}

static OF_A_CONNECTION: [HeaderName; 9] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    HeaderName::from_static("proxy-connection"),
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

#[cfg(test)]
mod tests {
    use super::*;

    fn map(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in fields {
            map.append(*name, HeaderValue::from_static(value));
        }
        map
    }

    fn seen(sent: &[(&'static str, &'static str)], auth: UrlAuth, body_bytes: usize) -> HeaderMap {
        let ends = Ends {
            caller: "[::ffff:192.0.2.1]:5".parse().unwrap(),
            service: "127.0.0.1:9000".parse().unwrap(),
        };
        for_function(&map(sent), auth, ends, &HeaderValue::from_static("Root=1"), body_bytes)
    }

    const FORWARDED: [(&str, &str); 4] = [
        ("x-forwarded-for", "192.0.2.1"),
        ("x-forwarded-port", "9000"),
        ("x-forwarded-proto", "http"),
        ("x-amzn-trace-id", "Root=1"),
    ];

    #[test]
    fn what_is_between_the_two_ends_crosses_and_what_is_a_connections_does_not() {
        let ours = [
            ("connection", "keep-alive, X-Hop"),
            ("x-hop", "1"),
            ("te", "trailers"),
            ("transfer-encoding", "chunked"),
        ];
        let theirs = [("accept", "a/b"), ("set-cookie", "a=1"), ("set-cookie", "b=2"), ("x-a", "1")];
        let all = [&ours[..], &theirs].concat();
        assert_eq!(seen(&all, UrlAuth::Open, 0), map(&[&theirs[..], &FORWARDED].concat()));
        assert_eq!(from_function(&map(&[&all[..], &[("content-length", "9")]].concat())), map(&theirs));
    }

    #[test]
    fn a_functions_challenges_reach_the_caller_under_another_name() {
        let given = [("www-authenticate", "Basic"), ("x-a", "1"), ("www-authenticate", "Bearer")];
        let name = "x-amzn-remapped-www-authenticate";
        assert_eq!(from_function(&map(&given)), map(&[("x-a", "1"), (name, "Basic"), (name, "Bearer")]));
    }

    #[test]
    fn where_a_request_comes_from_is_the_services_to_say() {
        let forged =
            [("x-forwarded-for", "10.0.0.1"), ("x-forwarded-proto", "https"), ("x-amzn-trace-id", "Root=2")];
        assert_eq!(seen(&forged, UrlAuth::Open, 0), map(&FORWARDED));
    }

    #[test]
    fn a_token_reaches_the_function_and_a_signature_does_not() {
        let sent = [("authorization", "Bearer a")];
        assert!(seen(&sent, UrlAuth::Open, 0).contains_key(AUTHORIZATION));
        assert!(!seen(&sent, UrlAuth::Iam, 0).contains_key(AUTHORIZATION));
    }

    #[test]
    fn the_length_of_a_body_that_came_in_chunks_is_known_now() {
        assert_eq!(seen(&[("transfer-encoding", "chunked")], UrlAuth::Open, 7)["content-length"], "7");
    }
}
