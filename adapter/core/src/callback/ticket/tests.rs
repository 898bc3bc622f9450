use std::{sync::Arc, time::UNIX_EPOCH};

use http::{HeaderName, HeaderValue};
use lambda_protocol::destination::Condition;
use proptest::prelude::*;

use super::*;
use crate::{
    Mode, Shape, Trace,
    callback::{MAX_HOPS, MAX_URL_BYTES},
    dialect::{Altair, Eywa, OpenFaas},
    keys::{Key, Right, Scope},
    table::Function,
};

const ID: Uuid = Uuid::from_u128(0x0198_0000_0000_7000_8000_0000_0000_0001);
const URL: &str = "https://caller.example/done?token=canary";

fn keys(byte: u8) -> SealingKeys {
    SealingKeys::parse(&format!("{byte:02x}").repeat(32)).unwrap()
}

fn at(s: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(s)
}

fn ticket() -> Ticket {
    Ticket {
        invocation: ID,
        key: "erp".to_owned(),
        dialect: "openfaas".to_owned(),
        function: FunctionKey::new("echo.team"),
        lambda: FunctionRef::new("echo-fn"),
        qualifier: Some(Qualifier::parse("live").unwrap()),
        callback: CallbackUrl::read(URL.as_bytes()).unwrap(),
        echo: HeaderMap::from_iter([(HeaderName::from_static("x-call-id"), HeaderValue::from_static("c-1"))]),
        created: at(100),
        expires: at(200),
        hops: Hops(1),
    }
}

fn open(text: &str, byte: u8, s: u64) -> Result<Ticket, TicketError> {
    Ticket::open(text, &keys(byte), at(s))
}

#[test]
fn a_ticket_says_what_was_promised_until_it_expires() {
    let text = ticket().seal(&keys(1), [9; 24]);
    assert_eq!(open(&text, 1, 199), Ok(ticket()));
    assert_eq!(open(&text, 1, 200), Err(TicketError::Expired));
    assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')), "{text}");
    assert!(!text.contains("caller"), "{text}");
}

#[test]
fn a_key_opens_what_it_sealed_until_it_is_gone() {
    let text = ticket().seal(&keys(1), [9; 24]);
    let rotated = SealingKeys::parse(&format!("{} {}", "02".repeat(32), "01".repeat(32))).unwrap();
    assert_eq!(Ticket::open(&text, &rotated, at(0)), Ok(ticket()));
    assert_eq!(open(&text, 2, 0), Err(TicketError::NotOurs));
}

#[test]
fn what_is_sealed_for_another_purpose_is_no_ticket() {
    let token = keys(1).seal(&ticket().encode(), b"stayput access token 1", [9; 24]);
    let text = base64_simd::URL_SAFE_NO_PAD.encode_to_string(token);
    assert_eq!(open(&text, 1, 0), Err(TicketError::NotOurs));
}

/// What a record says whose event holds this ticket.
fn found(ticket: &str, arn: &str, id: &str) -> Result<Option<Ticket>, Counterfeit> {
    let event = format!(r#"{{"requestContext":{{"requestId":"{id}","stayput":{{"ticket":{ticket}}}}}}}"#);
    let record = DestinationRecord {
        timestamp: at(0),
        request_id: "Lambda's own".to_owned(),
        function_arn: arn.to_owned(),
        condition: Condition::Success,
        approximate_invoke_count: 1,
        request_payload: serde_json::from_str(&event).unwrap(),
        response: None,
        response_payload: None,
    };
    Ticket::of_record(&record, &keys(1), at(100))
}

#[track_caller]
fn check_record(ticket: &Ticket, arn: &str, id: &str, expected: Result<(), Mismatch>) {
    let sealed = format!("{:?}", ticket.seal(&keys(1), [9; 24]));
    let expected = expected.map(|()| Some(ticket.clone())).map_err(Counterfeit::Mismatch);
    assert_eq!(found(&sealed, arn, id), expected, "{arn} {id}");
}

#[test]
fn a_record_without_a_ticket_is_not_ours_and_one_with_another_is_counterfeit() {
    let found = |ticket| found(ticket, "arn:aws:lambda:us-east-1:123456789012:function:echo-fn:live", "");
    assert_eq!(found("null"), Ok(None));
    for forged in ["\"\"", "\"forged\""] {
        assert_eq!(found(forged), Err(Counterfeit::Ticket(TicketError::NotOurs)), "{forged}");
    }
}

#[test]
fn a_ticket_counts_for_its_function_and_call_alone() {
    let arn = |rest: &str| format!("arn:aws:lambda:us-east-1:123456789012:function:{rest}");
    let id = ID.to_string();
    check_record(&ticket(), &arn("echo-fn:live"), &id, Ok(()));
    for other in ["other-fn:live", "echo-fn:$LATEST", "echo-fn", "echo-fn:7"] {
        check_record(&ticket(), &arn(other), &id, Err(Mismatch::Function));
    }
    check_record(&ticket(), "no ARN", &id, Err(Mismatch::Function));
    check_record(&ticket(), &arn("echo-fn:live"), &Uuid::nil().to_string(), Err(Mismatch::Call));

    let unqualified = Ticket { qualifier: None, ..ticket() };
    check_record(&unqualified, &arn("echo-fn:$LATEST"), &id, Ok(()));
    check_record(&unqualified, &arn("echo-fn:live"), &id, Err(Mismatch::Function));
    let elsewhere =
        Ticket { lambda: FunctionRef::parse("210987654321:function:echo-fn").unwrap(), ..ticket() };
    check_record(&elsewhere, &arn("echo-fn:live"), &id, Err(Mismatch::Function));
}

/// What a call with these headers is promised.
fn promise(
    dialect: &dyn Dialect,
    headers: &[(&str, &str)],
    url: Option<&str>,
) -> Result<Option<Ticket>, Rejection> {
    let mut request = http::Request::post("/");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (head, ()) = request.body(()).unwrap().into_parts();
    let started = at(100) + Duration::from_nanos(1_999_999);
    let exchange = Exchange {
        head: &head,
        id: ID,
        trace: Trace::join(&head.headers, ID, started),
        peer: ([192, 0, 2, 1], 1).into(),
        started,
        elapsed: Duration::ZERO,
    };
    let call = Call {
        function: FunctionKey::new("echo.team"),
        mode: Mode::Async,
        shape: Shape::Http { path: "/".to_owned() },
        callback: url.map(|url| CallbackUrl::read(url.as_bytes()).unwrap()),
        idempotency_key: None,
    };
    let function = Function {
        lambda: FunctionRef::new("echo-fn"),
        qualifier: None,
        payload_is_event: false,
        durable: false,
        streams: false,
        timeout: Duration::from_secs(3),
    };
    let key = Key::new("erp", Scope::All, Scope::All, &Right::ALL);
    let invocation = Invocation::new(&call, Arc::new(function), Arc::new(key), false, 0);
    Ticket::promise(dialect, &exchange, &call, &invocation)
}

#[test]
fn a_call_is_promised_a_callback_if_it_asked_for_one() {
    assert_eq!(promise(&OpenFaas, &[], None), Ok(None));
    let headers = [("x-call-id", "c-1")];
    let promised = promise(&OpenFaas, &headers, Some(URL)).unwrap().unwrap();
    let created = at(100) + Duration::from_millis(1);
    let expected = Ticket { qualifier: None, created, expires: created + LIFETIME, ..ticket() };
    assert_eq!(promised, expected);
}

#[test]
fn each_dialect_has_its_own_ids_repeated() {
    let echo = |dialect: &dyn Dialect, headers: &[(&str, &str)]| {
        let ticket = promise(dialect, headers, Some(URL)).unwrap().unwrap();
        let field =
            |(name, value): (&HeaderName, &HeaderValue)| format!("{name}: {}", value.to_str().unwrap());
        let mut fields: Vec<String> = ticket.echo.iter().map(field).collect();
        fields.sort();
        fields
    };
    let sent = [("x-call-id", "c-1"), ("x-request-id", "r-1"), ("content-type", "a/b"), ("x-other", "1")];
    assert_eq!(echo(&OpenFaas, &sent), ["content-type: a/b", "x-call-id: c-1"]);
    assert_eq!(echo(&OpenFaas, &[]), [format!("x-call-id: {ID}")]);
    assert_eq!(echo(&Eywa, &sent), ["x-request-id: r-1"]);
    assert_eq!(echo(&Eywa, &[]), [format!("x-request-id: {ID}")]);
    assert!(echo(&Altair, &sent).is_empty());
}

#[test]
fn a_call_that_came_round_too_often_is_promised_nothing() {
    let hops = |told: &str| promise(&Altair, &[("x-stayput-hops", told)], Some(URL));
    assert_eq!(hops("7").unwrap().unwrap().hops, Hops(MAX_HOPS));
    assert_eq!(hops("8"), Err(Rejection::Loop { limit: MAX_HOPS }));
}

#[test]
fn every_ticket_that_is_promised_can_be_opened() {
    let url = format!("https://caller.example/{}", "a".repeat(MAX_URL_BYTES - 23));
    for length in [10, 3_800, 3_900, 4_000, 8_000] {
        match promise(&Eywa, &[("x-request-id", &"i".repeat(length))], Some(&url)) {
            Ok(ticket) => {
                let text = ticket.unwrap().seal(&keys(1), [9; 24]);
                assert!(open(&text, 1, 100).is_ok(), "{length}");
            }
            Err(rejection) => {
                assert!(length > 3_000 && matches!(rejection, Rejection::Malformed(_)), "{length}")
            }
        }
    }
}

proptest! {
    #[test]
    fn a_ticket_comes_back_as_it_was(
        id in any::<u128>(),
        texts in proptest::array::uniform3("\\PC{0,20}"),
        path in "[a-z0-9/%?=&~-]{0,40}",
        echo in proptest::collection::vec(("[a-z][a-z-]{0,8}", "[ -~]{0,12}"), 0..4),
        times_ms in proptest::array::uniform2(0_u64..1 << 45),
        hops in any::<u8>(),
        nonce in any::<[u8; 24]>(),
    ) {
        let [key, dialect, function] = texts;
        let url = format!("https://caller.example/{path}");
        let [created, lifetime] = times_ms.map(Duration::from_millis);
        let fields = echo.iter().map(|(name, value)| {
            (HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap())
        });
        let ticket = Ticket {
            invocation: Uuid::from_u128(id),
            key,
            dialect,
            function: FunctionKey::new(function),
            callback: CallbackUrl::read(url.as_bytes()).unwrap(),
            echo: fields.collect(),
            created: UNIX_EPOCH + created,
            expires: UNIX_EPOCH + created + lifetime + Duration::from_millis(1),
            hops: Hops(hops),
            ..ticket()
        };
        let text = ticket.seal(&keys(1), nonce);
        prop_assert_eq!(Ticket::open(&text, &keys(1), ticket.created), Ok(ticket));
    }

    #[test]
    fn whoever_has_no_key_cannot_make_or_change_one(cut in 0_usize..400, flip in 1_u8..=255, text in "\\PC{0,80}") {
        let sealed = keys(1).seal(&ticket().encode(), PURPOSE, [9; 24]);
        let mut changed = sealed.clone();
        let at_byte = cut % changed.len();
        changed[at_byte] ^= flip;
        let encode = |sealed: &[u8]| base64_simd::URL_SAFE_NO_PAD.encode_to_string(sealed);
        for text in [encode(&changed), encode(&sealed[..at_byte]), text] {
            prop_assert_eq!(open(&text, 1, 0), Err(TicketError::NotOurs));
        }
    }

    #[test]
    fn no_plain_bytes_panic(bytes in any::<Vec<u8>>(), cut in 0_usize..400) {
        let whole = ticket().encode();
        let _ = (Ticket::decode(&bytes).is_some(), Ticket::decode(&whole[..cut.min(whole.len())]).is_some());
    }
}
