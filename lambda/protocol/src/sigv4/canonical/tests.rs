use http::{HeaderName, HeaderValue};

use super::*;

/// The canonical request of these parts has the hash of `expected`.
#[track_caller]
fn check(method: &str, uri: &str, headers: &[(&str, &str)], signed: &str, expected: &str) {
    let mut canonical = Canonical::start(method, &uri.parse().expect("a URI"));
    let map: HeaderMap = headers
        .iter()
        .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse::<HeaderValue>().unwrap()))
        .collect();
    signed.split(';').for_each(|name| canonical.header(name, &map));
    let found = canonical.finish(signed.as_bytes(), &[0xab; 32]);
    let expected = format!("{expected}\n\n{signed}\n{}", "ab".repeat(32));
    assert_eq!(found, <[u8; 32]>::from(Sha256::digest(&expected)), "expected\n{expected}");
}

#[track_caller]
fn check_path(path: &str, expected: &str) {
    check("GET", path, &[("host", "h")], "host", &format!("GET\n{expected}\n\nhost:h"));
}

#[track_caller]
fn check_query(query: &str, expected: &str) {
    check("GET", &format!("/?{query}"), &[("host", "h")], "host", &format!("GET\n/\n{expected}\nhost:h"));
}

#[track_caller]
fn check_values(values: &[&str], expected: &str) {
    let headers: Vec<_> = values.iter().map(|value| ("x", *value)).collect();
    check("GET", "/", &headers, "x", &format!("GET\n/\n\nx:{expected}"));
}

#[test]
fn an_invoke_looks_as_aws_says() {
    let headers = [("host", "lambda.us-east-1.amazonaws.com"), ("x-amz-date", "20260101T000000Z")];
    let expected = "POST\n/2015-03-31/functions/arn%253Aaws%253Alambda/invocations\nQualifier=%24LATEST\n\
                    host:lambda.us-east-1.amazonaws.com\nx-amz-date:20260101T000000Z";
    let uri = "/2015-03-31/functions/arn%3Aaws%3Alambda/invocations?Qualifier=%24LATEST";
    check("POST", uri, &headers, "host;x-amz-date", expected);
}

#[test]
fn a_path_is_encoded_once_more() {
    check_path("/", "/");
    check_path("/a-b_c.d~e/", "/a-b_c.d~e/");
    check_path("/a:b", "/a%3Ab");
    check_path("/a%3Ab", "/a%253Ab");
    check_path("/ä", "/%C3%A4");
}

#[test]
fn a_path_has_no_dot_segments_and_no_empty_ones() {
    check_path("/a/./b", "/a/b");
    check_path("/a/../b", "/b");
    check_path("/../a", "/a");
    check_path("/a//b", "/a/b");
    check_path("//", "/");
    check_path("/a/..", "/");
    check_path("/a/b/..", "/a/");
    check_path("/a/.", "/a/");
    check_path("/a/...", "/a/...");
    check_path("/a/.b/%2e", "/a/.b/%252e");
}

#[test]
fn a_query_is_sorted_and_has_one_spelling() {
    check_query("", "");
    check_query("a", "a=");
    check_query("a=b=c", "a=b%3Dc");
    check_query("b=2&a=1&b=1&&a", "a=&a=1&b=1&b=2");
    check_query("a=%7e%2f%c3%a4", "a=~%2F%C3%A4");
    check_query("a=b+c%2Bd", "a=b%20c%2Bd");
    check_query("a=%&b=%zz", "a=%25&b=%25zz");
    check_query("A=1&a=2&%41=0", "A=0&A=1&a=2");
}

#[test]
fn the_order_is_that_of_the_encoded_names() {
    // Encoded, a colon is %3A: before every letter and digit, while a plain colon is after the digits.
    check_query("1=x&%3A=x", "%3A=x&1=x");
    check_query("a%3D=1&a=2&a1=3", "a=2&a%3D=1&a1=3");
}

#[test]
fn values_lose_their_outer_blanks_and_runs_of_inner_ones() {
    check_values(&["a"], "a");
    check_values(&["  a   b  c "], "a b c");
    check_values(&["a\tb"], "a\tb");
    check_values(&["", " "], ",");
    check_values(&["a", " b  c"], "a,b c");
    check_values(&[], "");
}
