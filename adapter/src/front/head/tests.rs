use super::*;

const GOOD: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

#[track_caller]
fn check(head: impl AsRef<[u8]>, expected: Result<Framing, Refusal>) {
    let head = head.as_ref();
    let shown = String::from_utf8_lossy(&head[..head.len().min(200)]);
    let expected = match expected {
        Ok(framing) => Scan::Whole { len: head.len(), framing },
        Err(refusal) => Scan::Refused(refusal),
    };
    assert_eq!(scan(head), expected, "{shown:?}");
    // What follows changes nothing.
    assert_eq!(scan(&[head, b"X / HTTP/1.1\nbroken"].concat()), expected, "{shown:?}");
    // A beginning is either not enough, or as wrong as the whole.
    for cut in 0..head.len() {
        let part = scan(&head[..cut]);
        assert!(part == Scan::Partial || part == expected, "{shown:?} cut at {cut}: {part:?}");
    }
}

#[track_caller]
fn with(fields: &str, expected: Result<Framing, Refusal>) {
    check(format!("POST /a HTTP/1.1\r\nHost: a\r\n{fields}\r\n"), expected);
}

#[track_caller]
fn line(line: &str, expected: Result<Framing, Refusal>) {
    check(format!("{line}\r\nHost: a\r\n\r\n"), expected);
}

const NO_BODY: Result<Framing, Refusal> = Ok(Framing::Length(0));

#[test]
fn plain_requests_pass() {
    check(GOOD, NO_BODY);
    check("GET / HTTP/1.0\r\n\r\n", NO_BODY);
    check(format!("\r\n{GOOD}"), NO_BODY);
    with("Content-Length: 5\r\n", Ok(Framing::Length(5)));
    with("content-length:\t5 \r\n", Ok(Framing::Length(5)));
    with("Transfer-Encoding: Chunked\r\n", Ok(Framing::Chunked));
    with("Expect: 100-continue\r\nContent-Length: 0\r\n", NO_BODY);
    with("X-Empty:\r\nX-Latin: caf\u{e9}\r\nX-Tab: a\tb\r\n", NO_BODY);
    line("WEIRD-METHOD /%41?a=[b]&c={d}|e HTTP/1.1", NO_BODY);
}

#[test]
fn lines_end_in_one_way() {
    check("GET / HTTP/1.1\nHost: a\n\n", Err(Refusal::LineEnd));
    check("GET / HTTP/1.1\r\nHost: a\n\r\n", Err(Refusal::LineEnd));
    check("GET / HTTP/1.1\r\nHost: a\r\n\n", Err(Refusal::LineEnd));
    with("X: a\rb\r\n", Err(Refusal::Field));
    with("X: a\r\r\n", Err(Refusal::Field));
    with("X: a\0b\r\n", Err(Refusal::Field));
    check(format!("\r\n\r\n{GOOD}"), Err(Refusal::RequestLine));
    check(format!("\n{GOOD}"), Err(Refusal::LineEnd));
}

#[test]
fn the_request_line_has_three_parts() {
    for wrong in
        [" GET / HTTP/1.1", "GET / HTTP/1.1 ", "GET /", "GET", "", "G(T / HTTP/1.1", "GET / HTTP/1.1 x"]
    {
        line(wrong, Err(Refusal::RequestLine));
    }
    for wrong in ["GET  / HTTP/1.1", "GET /  HTTP/1.1", "GET / x HTTP/1.1"] {
        line(wrong, Err(Refusal::Target));
    }
    line("GET / http/1.1", Err(Refusal::RequestLine));
    line("GET / HTTP/1.10", Err(Refusal::RequestLine));
    line("GET / HTTP/1.2", Err(Refusal::Version));
    line("PRI * HTTP/2.0", Err(Refusal::Version));
    line("GET http://a/ HTTP/1.1", Err(Refusal::Target));
    line("OPTIONS * HTTP/1.1", Err(Refusal::Target));
    line("CONNECT a:443 HTTP/1.1", Err(Refusal::Target));
    line("CONNECT /a HTTP/1.1", Err(Refusal::Target));
    line("GET /a b HTTP/1.1", Err(Refusal::Target));
    line("GET /a#b HTTP/1.1", Err(Refusal::Target));
    line("GET /caf\u{e9} HTTP/1.1", Err(Refusal::Target));
    line(&format!("{} / HTTP/1.1", "M".repeat(32)), NO_BODY);
    line(&format!("{} / HTTP/1.1", "M".repeat(33)), Err(Refusal::Method));
}

#[test]
fn there_is_one_host() {
    check("GET / HTTP/1.1\r\n\r\n", Err(Refusal::Host));
    with("Host: a\r\n", Err(Refusal::Host));
    check("GET / HTTP/1.1\r\nHost:\r\n\r\n", Err(Refusal::Host));
    check("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", Err(Refusal::Host));
    check("GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", Err(Refusal::Host));
}

#[test]
fn a_body_has_one_end() {
    with("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", Err(Refusal::ContentLength));
    with("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", Err(Refusal::ContentLength));
    with("Content-Length: 5\r\nContent-Length: 5\r\n", Err(Refusal::ContentLength));
    for wrong in ["", "+5", "-5", "5,5", "0x5", "5 5", "5.0", "\u{0665}"] {
        with(&format!("Content-Length: {wrong}\r\n"), Err(Refusal::ContentLength));
    }
    with("Content-Length: 99999999999999999999\r\n", Err(Refusal::BodyTooLarge));
    with("Content-Length: 1000000000000000001\r\n", Err(Refusal::BodyTooLarge));
    with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", Err(Refusal::TransferEncoding));
    for wrong in
        ["", "xchunked", "chunked;a", "\"chunked\"", "chunked, chunked", "chunked, gzip", "\u{b}chunked"]
    {
        let expected = if wrong.contains('\u{b}') { Refusal::Field } else { Refusal::TransferEncoding };
        with(&format!("Transfer-Encoding: {wrong}\r\n"), Err(expected));
    }
    for coding in ["gzip", "gzip, chunked", "identity", "x-gzip,chunked"] {
        with(&format!("Transfer-Encoding: {coding}\r\n"), Err(Refusal::TransferCoding));
    }
    check("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", Err(Refusal::TransferEncoding));
}

#[test]
fn fields_are_names_and_values() {
    with("Content-Length : 5\r\n", Err(Refusal::Field));
    with(" folded: a\r\n", Err(Refusal::Field));
    with("X: a\r\n b\r\n", Err(Refusal::Field));
    with("no colon\r\n", Err(Refusal::Field));
    with(": no name\r\n", Err(Refusal::Field));
    with("X\0: a\r\n", Err(Refusal::Field));
    with("Expect: 200-ok\r\n", Err(Refusal::Expectation));
}

#[test]
fn limits_are_inclusive() {
    let target = |len: usize| format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(len - 1));
    check(target(MAX_TARGET_BYTES), NO_BODY);
    assert_eq!(scan(target(MAX_TARGET_BYTES + 1).as_bytes()), Scan::Refused(Refusal::TargetTooLong));
    assert_eq!(scan(target(3 * MAX_HEAD_BYTES).as_bytes()), Scan::Refused(Refusal::TargetTooLong));

    let fields = |count: usize| format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(count - 1));
    check(fields(MAX_FIELDS), NO_BODY);
    assert_eq!(scan(fields(MAX_FIELDS + 1).as_bytes()), Scan::Refused(Refusal::TooManyFields));

    let sized = |len: usize| {
        let rest = len - "GET / HTTP/1.1\r\nHost: a\r\nX: \r\n\r\n".len();
        format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(rest))
    };
    assert_eq!(
        scan(sized(MAX_HEAD_BYTES).as_bytes()),
        Scan::Whole { len: MAX_HEAD_BYTES, framing: Framing::Length(0) }
    );
    assert_eq!(scan(sized(MAX_HEAD_BYTES + 1).as_bytes()), Scan::Refused(Refusal::HeadTooLarge));
    let endless = [b"GET / HTTP/1.1\r\nHost: a\r\nX: ".as_slice(), &[b'x'; MAX_HEAD_BYTES]].concat();
    assert_eq!(scan(&endless), Scan::Refused(Refusal::HeadTooLarge));
}
