//! What holds for every dialect, and the values that the dialects' own tests share.

use std::{
    net::SocketAddr,
    num::NonZeroU32,
    time::{Duration, SystemTime},
};

use http::{HeaderName, HeaderValue, Method, StatusCode, request};
use lambda_protocol::fault::{Fault, FaultKind};
use proptest::{collection::vec, prelude::*, sample::select};
use uuid::Uuid;

use super::*;
use crate::{Answer, Failure, FunctionKey, Mode, Shape, Trace, keys::Right, limits::Rate};

pub(super) const ID: Uuid = Uuid::from_u128(0x0198_0000_0000_7000_8000_0000_0000_0001);

/// A request of `line` (method, space, target) with these headers.
#[track_caller]
pub(super) fn head(line: &str, headers: &[(&str, &str)]) -> request::Parts {
    let (method, target) = line.split_once(' ').unwrap();
    let mut request = http::Request::builder().method(method).uri(target);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

/// It came 1.5 s after the epoch, and its answer took a quarter of a second.
pub(super) fn exchange(head: &request::Parts) -> Exchange<'_> {
    let started = SystemTime::UNIX_EPOCH + Duration::from_millis(1_500);
    Exchange {
        head,
        id: ID,
        trace: Trace::join(&head.headers, ID, started),
        peer: SocketAddr::from(([192, 0, 2, 1], 50_000)),
        started,
        elapsed: Duration::from_millis(250),
    }
}

pub(super) fn call(key: &str, mode: Mode, path: &str, callback: Option<&'static str>) -> Call {
    Call {
        function: FunctionKey::new(key),
        mode,
        shape: Shape::Http { path: path.to_owned() },
        callback: callback.map(|url| CallbackUrl::read(url.as_bytes()).unwrap()),
        idempotency_key: None,
    }
}

pub(super) fn returned(headers: &[(&'static str, &'static str)]) -> Outcome {
    let pairs =
        headers.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
    Outcome::Returned(Answer { status: StatusCode::IM_A_TEAPOT, headers: pairs.collect(), log_result: None })
}

pub(super) fn faulted(kind: FaultKind, error_type: Option<&str>, error_message: Option<&str>) -> Outcome {
    let fault = Fault {
        error_type: error_type.map(str::to_owned),
        error_message: error_message.map(str::to_owned),
        trace: vec!["at line 1".to_owned()],
    };
    Outcome::Faulted(Failure {
        function_error: HeaderValue::from_static("Unhandled"),
        kind,
        fault,
        log_result: None,
    })
}

/// The response's status, its header fields as text in the order of their names, and its own body.
pub(super) fn told(rendered: &Rendered) -> (u16, Vec<String>, String) {
    let fields = rendered.head.headers.iter();
    let mut fields: Vec<String> =
        fields.map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
    fields.sort();
    let body = match &rendered.body {
        RenderedBody::AsIs => "<as is>".to_owned(),
        RenderedBody::Base64 => "<base64>".to_owned(),
        RenderedBody::Own(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
    };
    (rendered.head.status.as_u16(), fields, body)
}

/// An asynchronous request of each dialect that has callbacks.
const ASYNC: [&str; 3] = [
    "POST /spaces/s/functions/f/async-invoke",
    "POST /eywa/api/functions/async/a72edb6d-ee2b-5b91-9fa2-bd173c1eb269/",
    "POST /async-function/f",
];

#[track_caller]
fn parsed(line: &str, headers: &[(&str, &str)]) -> Result<Call, Rejection> {
    let head = head(line, headers);
    DIALECTS.iter().find_map(|dialect| dialect.parse(&head)).unwrap()
}

#[test]
fn a_callback_url_is_read_or_refused_on_every_asynchronous_route() {
    for line in ASYNC {
        let with = |urls: &[&'static str]| {
            let headers: Vec<_> = urls.iter().map(|url| ("x-callback-url", *url)).collect();
            parsed(line, &headers).map(|call| call.callback.map(|url| url.target().to_owned()))
        };
        assert_eq!(with(&[]), Ok(None), "{line}");
        assert_eq!(with(&[""]), Ok(None), "{line}");
        assert_eq!(with(&["", "https://a.example/b"]), Ok(Some("/b".to_owned())), "{line}");
        for (urls, refusal) in [
            (&["ftp://a.example"][..], UrlRefusal::Scheme),
            (&["/relative"], UrlRefusal::Scheme),
            (&["https://a.example/ b"], UrlRefusal::Character),
            (&["https://a.example", "https://b.example"], UrlRefusal::Repeated),
        ] {
            assert_eq!(with(urls), Err(Rejection::CallbackUrl(refusal)), "{line} {urls:?}");
        }
    }
}

#[test]
fn a_refused_callback_url_is_a_400_that_says_why_and_does_not_repeat_it() {
    for line in ASYNC {
        let rejection = parsed(line, &[("x-callback-url", "ftp://canary.example")]).unwrap_err();
        let head = head(line, &[]);
        let dialect = DIALECTS.iter().find(|dialect| dialect.parse(&head).is_some()).unwrap();
        let (status, _, body) = told(&dialect.reject(&exchange(&head), &rejection));
        assert_eq!(status, 400, "{line}");
        let reason = "X-Callback-Url is refused: it does not begin with http:// or https://";
        assert!(body.contains(reason) && !body.contains("canary"), "{line}: {body}");
    }
}

#[test]
fn an_idempotency_key_is_read_where_nobody_waits() {
    let stedi = "POST /2021-11-16/functions/f/invocations";
    let sent = |keys: &[&'static str]| {
        let keys = keys.iter().map(|key| ("idempotency-key", *key));
        keys.chain([("x-amz-invocation-type", "Event")]).collect::<Vec<_>>()
    };
    for line in ASYNC.iter().chain([&stedi]) {
        let key = parsed(line, &sent(&["k-1"])).unwrap().idempotency_key;
        assert_eq!(key.as_ref().map(IdempotencyKey::as_str), Some("k-1"), "{line}");
        assert_eq!(parsed(line, &sent(&[])).unwrap().idempotency_key, None, "{line}");
        for keys in [&["a b"][..], &[""], &["a", "b"]] {
            assert!(matches!(parsed(line, &sent(keys)), Err(Rejection::Malformed(_))), "{line} {keys:?}");
        }
    }
    for line in ["POST /function/f", "POST /spaces/s/functions/f/invoke", stedi] {
        let call = parsed(line, &[("idempotency-key", "no key of ours")]).unwrap();
        assert_eq!(call.idempotency_key, None, "{line}");
    }
}

#[test]
fn what_is_wrong_with_an_asynchronous_call_has_one_status_in_all_dialects() {
    let head = head("POST /", &[]);
    for (rejection, expected) in [
        (Rejection::CallbackUrl(UrlRefusal::Own), 400),
        (Rejection::Loop { limit: 8 }, 508),
        (Rejection::EventTooLarge { limit: 262_144 }, 413),
        (Rejection::IdempotencyConflict, 422),
        (Rejection::IdempotencyInProgress, 409),
    ] {
        for dialect in DIALECTS {
            let (status, fields, body) = told(&dialect.reject(&exchange(&head), &rejection));
            assert_eq!(status, expected, "{} {rejection}", dialect.name());
            assert!(body.contains(&rejection.to_string()), "{} {body}", dialect.name());
            let waits = fields.iter().any(|field| field.starts_with("retry-after"));
            assert_eq!(waits, rejection == Rejection::IdempotencyInProgress, "{}", dialect.name());
        }
    }
}

fn any_head() -> impl Strategy<Value = request::Parts> {
    let method = prop_oneof![
        select(vec!["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]).prop_map(str::to_owned),
        "[A-Z]{1,8}",
    ];
    let prefix = select(vec![
        "",
        "/",
        "/2021-11-16/functions/",
        "/2021-11-16/functions/a/invocations",
        "/spaces/",
        "/spaces/s/functions/f/invoke",
        "/spaces/s/functions/f/async-invoke",
        "/eywa/api/functions/",
        "/eywa/api/functions/sync/",
        "/eywa/api/functions/async/",
        "/eywa/api/functions/sync/a72edb6d-ee2b-5b91-9fa2-bd173c1eb269",
        "/function/",
        "/async-function/",
        "http://user@host:1/function/f",
        "https://[::1]/function/",
    ]);
    let rest = "[a-zA-Z0-9._%/?&=é-]{0,24}";
    let name = select(vec![
        "accept",
        "authorization",
        "connection",
        "content-type",
        "host",
        "idempotency-key",
        "x-amz-invocation-type",
        "x-call-id",
        "x-callback-url",
        "x-eywa-token",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-request-id",
    ]);
    let text = "(Bearer |Key |Basic |text/html|, )?\\PC{0,12}";
    let value = prop_oneof![text.prop_map(String::into_bytes), vec(any::<u8>(), 0..12)];
    (method, prefix, rest, vec((name, value), 0..6)).prop_filter_map(
        "not a request head",
        |(method, prefix, rest, headers)| {
            let mut request = http::Request::builder().method(method.as_str()).uri(format!("{prefix}{rest}"));
            for (name, value) in headers {
                request = request.header(name, HeaderValue::from_bytes(&value).ok()?);
            }
            Some(request.body(()).ok()?.into_parts().0)
        },
    )
}

fn rate() -> Rate {
    Rate::parse("50/s").unwrap()
}

fn any_rejection() -> impl Strategy<Value = Rejection> {
    select(vec![
        Rejection::Route,
        Rejection::Method { allow: &[Method::POST, Method::GET] },
        Rejection::Malformed("\"why\"\r\n".to_owned()),
        Rejection::CallbackUrl(UrlRefusal::Local),
        Rejection::Loop { limit: 8 },
        Rejection::EventTooLarge { limit: 1 },
        Rejection::IdempotencyConflict,
        Rejection::IdempotencyInProgress,
        Rejection::Unauthenticated,
        Rejection::Forbidden { right: Right::Invoke },
        Rejection::UnknownFunction,
        Rejection::PayloadTooLarge { limit: 1 },
        Rejection::InvalidPayload("no JSON".to_owned()),
        Rejection::BodyIncomplete,
        Rejection::BodyTimeout,
        Rejection::NotImplemented("not built"),
        Rejection::Throttled { reason: "CallerRateLimitExceeded", retry_after_s: None },
        Rejection::Throttled { reason: "CallerRateLimitExceeded", retry_after_s: Some(7) },
        Rejection::RateLimited { rate: rate(), retry_after_s: 7 },
        Rejection::KeyBusy { limit: NonZeroU32::MIN },
        Rejection::Guessing { retry_after_s: 6 },
        Rejection::NotReady("Pending".to_owned()),
        Rejection::Overloaded { limit: 1 },
        Rejection::Busy { limit: NonZeroU32::MIN },
        Rejection::Draining,
        Rejection::Deadline { limit_ms: 1 },
        Rejection::Unreachable,
        Rejection::AnswerLost,
        Rejection::BackendFailed,
        Rejection::BackendRefused { code: "AccessDeniedException".to_owned() },
        Rejection::BadAnswer("no status".to_owned()),
        Rejection::AnswerTooLarge { limit: 1 },
    ])
}

fn any_outcome() -> impl Strategy<Value = Outcome> {
    let text = || proptest::option::of("\\PC{0,12}");
    let kind =
        select(vec![FaultKind::Thrown, FaultKind::TimedOut, FaultKind::Crashed, FaultKind::ResponseTooLarge]);
    let fault = (kind, text(), text())
        .prop_map(|(kind, error_type, message)| faulted(kind, error_type.as_deref(), message.as_deref()));
    prop_oneof![Just(Outcome::Accepted), Just(returned(&[("x-tag", "1")])), fault]
}

proptest! {
    #[test]
    fn no_request_panics_any_dialect(head in any_head(), rejection in any_rejection(), outcome in any_outcome()) {
        let exchange = exchange(&head);
        for dialect in DIALECTS {
            let _ = (dialect.credential(&head), dialect.function_headers(&exchange));
            prop_assert!(dialect.reject(&exchange, &rejection).head.status != StatusCode::OK);
            match dialect.parse(&head) {
                Some(Ok(call)) => drop(dialect.render(&exchange, &call, &outcome)),
                Some(Err(rejection)) => drop(dialect.reject(&exchange, &rejection)),
                None => {}
            }
        }
    }

    #[test]
    fn a_request_belongs_to_one_dialect_at_most(head in any_head()) {
        let speakers = DIALECTS.iter().filter(|dialect| dialect.parse(&head).is_some());
        prop_assert!(speakers.count() <= 1, "{}", head.uri);
    }

    #[test]
    fn no_function_sees_a_credential_or_a_callback(head in any_head()) {
        for dialect in DIALECTS {
            let seen = dialect.function_headers(&exchange(&head));
            for secret in ["authorization", "x-eywa-token", "x-callback-url"] {
                prop_assert!(!seen.contains_key(secret), "{} passes on {secret}", dialect.name());
            }
        }
    }

    #[test]
    fn a_function_answers_where_its_signs_say(lambda in "[a-z][a-z0-9-]{0,20}") {
        for dialect in DIALECTS {
            let key = dialect.own_key(&lambda);
            for Route { methods, path, .. } in dialect.routes(&key).iter().filter(|route| route.mode == Mode::Sync) {
                for method in *methods {
                    let call = dialect.parse(&head(&format!("{method} {path}"), &[]));
                    let found = call.and_then(Result::ok).map(|call| (call.function, call.mode));
                    prop_assert_eq!(found, Some((key.clone(), Mode::Sync)), "{} {}", method, path);
                }
            }
        }
    }
}
