//! The readers on the way of a callback: the URL that a caller wrote, the ticket that comes back, and the record in which it
//! does.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::{Duration, SystemTime},
};

use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use lambda_protocol::function::FunctionRef;
use stayput::deliverer;
use stayput_core::{
    CallbackUrl, FunctionKey,
    callback::{Hops, HostPattern, Policy, Ticket, When},
    keys::Cidr,
    token::SealingKeys,
};
use uuid::Uuid;

use super::target::{Check, Target};

pub(crate) static TARGETS: &[Target] = &[
    Target { name: "callback-url", seeds: URLS, words: URL_WORDS, check: callback_url },
    Target { name: "ticket", seeds: TICKETS, words: URL_WORDS, check: ticket },
    Target { name: "record", seeds: RECORDS, words: RECORD_WORDS, check: record },
];

/// Where a URL passes, what is dialled is public and what is sent is well-formed, by rules of their own.
fn callback_url() -> Check {
    let policies = policies();
    Box::new(move |input| {
        if let Ok(url) = CallbackUrl::read(input) {
            let shown = url.to_string();
            let hash = shown.strip_prefix(&format!("{} #", url.origin())).expect("an origin and a hash");
            assert_eq!(hash.len(), 16, "{shown} tells what is its owner's");
            url.target().parse::<Uri>().expect("a target that can be sent");
            assert!(url.target().starts_with('/'), "{}", url.target());
            assert_eq!(url.origin().host, url.host());
        }
        for policy in &policies {
            let Ok(url) = CallbackUrl::parse(input, policy) else { continue };
            assert!(matches!(url.port(), 80 | 443 | 1024..), "{url}");
            assert!(url.authorization().is_none() || (policy.userinfo && url.is_https()), "{url}");
            match url.address() {
                Some(address) => {
                    assert!(policy.dev || !policy.addresses.is_empty() || is_public(address), "{url}")
                }
                None if policy.hosts.is_none() && !policy.dev => assert!(url.host().contains('.'), "{url}"),
                None => {}
            }
        }
        CallbackUrl::parse(input, &policies[0]).is_ok()
    })
}

fn policies() -> [Policy; 4] {
    let pattern = |text| HostPattern::parse(text).expect("a pattern");
    [
        Policy::default(),
        Policy { own_names: vec![pattern("*.example")], userinfo: true, ..Policy::default() },
        Policy {
            hosts: Some(vec![pattern("hook.example")]),
            addresses: vec![Cidr::parse("10.0.0.0/8").expect("a block")],
            ..Policy::default()
        },
        Policy { dev: true, ..Policy::default() },
    ]
}

/// By what the standard library knows: less than our own rule, and made by others.
fn is_public(address: IpAddr) -> bool {
    let v4 = |address: Ipv4Addr| {
        let special = address.is_private() || address.is_loopback() || address.is_link_local();
        let nobody = address.is_unspecified() || address.is_broadcast() || address.is_documentation();
        !(special || nobody || address.is_multicast())
    };
    let v6 = |address: Ipv6Addr| match address.to_ipv4_mapped() {
        Some(inner) => v4(inner),
        None => address.segments()[0] & 0xe000 == 0x2000,
    };
    match address {
        IpAddr::V4(address) => v4(address),
        IpAddr::V6(address) => v6(address),
    }
}

/// What was promised comes back as it was, and a seal with one byte changed is none. The input: a URL, a key's label, a
/// header's value, and bytes that are laid over the sealed text.
fn ticket() -> Check {
    let keys = sealing_keys();
    let mut nonce = [0_u8; 24];
    Box::new(move |input| {
        let mut lines = input.splitn(4, |byte| *byte == b'\n');
        let mut line = || lines.next().unwrap_or_default();
        let Ok(callback) = CallbackUrl::read(line()) else { return false };
        let key = String::from_utf8_lossy(line()).into_owned();
        let Ok(value) = HeaderValue::from_bytes(line()) else { return false };
        nonce[0] = nonce[0].wrapping_add(1);
        let ticket = promise(callback, key, value);
        let sealed = ticket.seal(&keys, nonce);
        assert_eq!(Ticket::open(&sealed, &keys, SystemTime::UNIX_EPOCH), Ok(ticket));
        let over = line();
        let mut forged = sealed.clone().into_bytes();
        forged.iter_mut().zip(over).for_each(|(byte, over)| *byte ^= over & 0x7f);
        let forged = String::from_utf8(forged).expect("seven bits are text");
        if forged != sealed {
            Ticket::open(&forged, &keys, SystemTime::UNIX_EPOCH).expect_err("a forged ticket opens");
        }
        let bare = String::from_utf8_lossy(input);
        Ticket::open(&bare, &keys, SystemTime::UNIX_EPOCH).expect_err("no ticket opens");
        true
    })
}

/// Whatever a record says, what is sent for it goes where its ticket says, under the call's id. `TICKET` in the input is a
/// ticket that is good.
fn record() -> Check {
    let keys = sealing_keys();
    let callback = CallbackUrl::read(b"https://caller.example/s3cret").expect("a URL");
    let ticket = promise(callback, "erp".to_owned(), HeaderValue::from_static("c-1"));
    let sealed = ticket.seal(&keys, [7; 24]);
    Box::new(move |input| {
        let text = String::from_utf8_lossy(input).replace("TICKET", &sealed);
        let Ok(promised) = deliverer::read(text.as_bytes(), &keys, When::Always, SystemTime::UNIX_EPOCH)
        else {
            return false;
        };
        assert_eq!(promised.ticket, ticket, "another ticket than ours");
        let callback = promised.callback.expect("all ends are told");
        let field = |name: &str| callback.headers.get(name).and_then(|value| value.to_str().ok());
        assert_eq!(field("webhook-id"), Some(&*ticket.invocation.to_string()));
        let status = field("x-function-status").and_then(|status| status.parse::<u16>().ok());
        assert!(status.is_some_and(|status| (100..1000).contains(&status)), "{:?}", callback.headers);
        for name in ["host", "cookie", "content-length", "transfer-encoding", "x-callback-url", "x-redrive"] {
            assert!(field(name).is_none(), "{name}: {:?}", callback.headers);
        }
        true
    })
}

fn promise(callback: CallbackUrl, key: String, echoed: HeaderValue) -> Ticket {
    let created = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    Ticket {
        invocation: Uuid::from_u128(7),
        key,
        dialect: "openfaas".to_owned(),
        function: FunctionKey::new("echo"),
        lambda: FunctionRef::new("echo-fn"),
        qualifier: None,
        callback,
        echo: HeaderMap::from_iter([(HeaderName::from_static("x-call-id"), echoed)]),
        created,
        expires: created + Duration::from_secs(1_000),
        hops: Hops(1),
    }
}

fn sealing_keys() -> SealingKeys {
    SealingKeys::parse(&"01".repeat(32)).expect("a key")
}

const URLS: &[&[u8]] = &[
    b"https://hook.example/a/b?c=s3cret#d",
    b"http://hook.example:8080/",
    b"https://user:s3cret@hook.example/",
    b"http://[2600:9000::1]:8443/x",
    b"http://8.8.8.8/",
    b"http://0x08080808/",
    b"http://[::ffff:8.8.8.8]/",
    b"http://127.0.0.1/",
    b"http://10.1.2.3/",
    b"http://localhost:8080/",
];

const TICKETS: &[&[u8]] = &[
    b"https://hook.example/a?b=c\nerp\nc-1\n\x01",
    b"http://8.8.8.8:8080/\nfrom \xc3\xa9\n\n\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x40",
    b"http://a/\n\norder:7.a_b\n",
];

const RECORDS: &[&[u8]] = &[
    br#"{"version":"1.0","timestamp":"2025-11-24T23:11:08.123Z","requestContext":{"requestId":"r","functionArn":"arn:aws:lambda:us-east-1:123456789012:function:echo-fn:$LATEST","condition":"Success","approximateInvokeCount":1},"requestPayload":{"requestContext":{"requestId":"00000000-0000-0000-0000-000000000007","stayput":{"ticket":"TICKET"}},"body":"hi"},"responseContext":{"statusCode":200,"executedVersion":"$LATEST"},"responsePayload":{"statusCode":201,"headers":{"content-type":"text/plain","x-redrive":"1","host":"a"},"body":"hi"}}"#,
    br#"{"version":"1.0","timestamp":"2025-11-24T23:11:08.123Z","requestContext":{"requestId":"r","functionArn":"arn:aws:lambda:us-east-1:123456789012:function:echo-fn:$LATEST","condition":"RetriesExhausted","approximateInvokeCount":3},"requestPayload":{"requestContext":{"requestId":"00000000-0000-0000-0000-000000000007","stayput":{"ticket":"TICKET"}}},"responseContext":{"statusCode":200,"executedVersion":"$LATEST","functionError":"Unhandled"},"responsePayload":{"errorType":"Sandbox.Timedout","errorMessage":"m","trace":["t"]}}"#,
    br#"{"version":"1.0","timestamp":"2025-11-24T23:11:08.123Z","requestContext":{"requestId":"r","functionArn":"arn:aws:lambda:us-east-1:123456789012:function:echo-fn:$LATEST","condition":"ZeroReservedConcurrency","approximateInvokeCount":0},"requestPayload":{"requestContext":{"requestId":"00000000-0000-0000-0000-000000000007","stayput":{"ticket":"TICKET"}}}}"#,
];

const URL_WORDS: &[&[u8]] = &[
    b"@",
    b"\\",
    b"#",
    b"?",
    b"%",
    b"%2e",
    b"..",
    b"/",
    b":",
    b":80@",
    b"[::1]",
    b"[::ffff:127.0.0.1]",
    b"[64:ff9b::8.8.8.8]",
    b"127.1",
    b"0x7f",
    b"2130706433",
    b"169.254.169.254",
    b"localhost",
    b".local",
    b".internal",
    b"hook.example",
    b"user:pass@",
    b"http://",
    b"https://",
    b"\n",
    b"\t",
    b"\0",
    b"\xff",
    b"xn--",
    b":65536",
    b":22",
    b".",
];

const RECORD_WORDS: &[&[u8]] = &[
    b"TICKET",
    b"null",
    b"{}",
    b"[]",
    b"\"\"",
    b"-1",
    b"99999999999999999999",
    b"\\u0000",
    b"\\ud800",
    b"\xff",
    b"\"ticket\":\"TICKET\"",
    b"\"stayput\":{\"ticket\":\"TICKET\"}",
    b"\"requestContext\":",
    b"\"responsePayload\":",
    b"\"headers\":{\"cookie\":\"a\",\"transfer-encoding\":\"chunked\"}",
    b"\"isBase64Encoded\":true",
    b"Success",
    b"RetriesExhausted",
    b"EventAgeExceeded",
    b"function:echo-fn",
    b"[[[[[[[[",
    b"2025-02-30T25:00:00Z",
];
