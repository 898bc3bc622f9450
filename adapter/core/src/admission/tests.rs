//! The scope matrix: 20 keys, 20 functions, both modes, every dialect; each cell as configured.

use std::{
    num::NonZeroU32,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use lambda_protocol::function::FunctionRef;
use uuid::Uuid;

use super::*;
use crate::{
    Credential, DIALECTS, FunctionKey,
    callback::UrlRefusal,
    keys::{CredentialHash, Key, Scope},
    table::Function,
};

const KEYS: usize = 20;
const FUNCTIONS: usize = 20;

fn function_key(dialect: &dyn Dialect, number: usize) -> FunctionKey {
    dialect.own_key(&format!("f{number}"))
}

fn secret(key: usize) -> String {
    format!("key-{key:02}-of-the-matrix")
}

/// Does the key count in the dialect, see the function, have the right? Mixed so that all eight cases are there.
fn speaks(key: usize, dialect: usize) -> bool {
    !(key + dialect).is_multiple_of(3)
}

fn sees(key: usize, function: usize) -> bool {
    (key * 7 + function) % 4 != 1
}

fn rights(key: usize) -> &'static [Right] {
    match key % 4 {
        0 => &[Right::Invoke],
        1 => &[Right::Async],
        2 => &[Right::Logs],
        _ => &Right::ALL,
    }
}

fn ring() -> Keyring {
    let mut ring = Keyring::default();
    for key in 0..KEYS {
        let spoken = DIALECTS.iter().enumerate().filter(|(dialect, _)| speaks(key, *dialect));
        let dialects = spoken.map(|(_, dialect)| dialect.name().to_owned()).collect();
        let seen = (0..FUNCTIONS).filter(|function| sees(key, *function));
        let names =
            seen.flat_map(|function| DIALECTS.iter().map(move |dialect| function_key(*dialect, function)));
        let functions = names.map(|name| name.as_str().to_owned()).collect();
        let permission = Key::new(secret(key), Scope::Only(dialects), Scope::Only(functions), rights(key));
        ring.add(CredentialHash::of(&Credential::new(secret(key))), permission);
    }
    ring
}

/// All functions but the last, which is unknown.
fn table() -> Table {
    let mut table = Table::default();
    for number in 0..FUNCTIONS - 1 {
        let lambda = FunctionRef::new(format!("f{number}"));
        let timeout = Duration::from_secs(1);
        let row = Arc::new(Function {
            lambda,
            qualifier: None,
            payload_is_event: false,
            durable: false,
            streams: false,
            timeout,
        });
        for dialect in DIALECTS {
            table.add(dialect.name(), function_key(*dialect, number), Arc::clone(&row));
        }
    }
    table
}

/// What the caller of a cell is told; `None`: the call may happen.
fn expected(key: usize, dialect: usize, function: usize, mode: Mode) -> Option<Rejection> {
    let right = match mode {
        Mode::Sync => Right::Invoke,
        Mode::Async => Right::Async,
    };
    if !speaks(key, dialect) {
        Some(Rejection::Unauthenticated)
    } else if !sees(key, function) || function == FUNCTIONS - 1 {
        Some(Rejection::UnknownFunction)
    } else if !rights(key).contains(&right) {
        Some(Rejection::Forbidden { right })
    } else if mode == Mode::Async {
        Some(Rejection::NotImplemented("asynchronous calls are not available yet"))
    } else {
        None
    }
}

/// A call as the dialect's signs say it is made.
fn request(dialect: &dyn Dialect, function: &FunctionKey, mode: Mode, secret: &str) -> http::request::Parts {
    let routes = dialect.routes(function);
    let route = routes.iter().find(|route| route.mode == mode).expect("every dialect has both");
    let (name, value) = dialect.credential_header(secret);
    let request = http::Request::builder().method(&route.methods[0]).uri(&route.path).header(name, value);
    let request = match mode {
        Mode::Sync => request,
        Mode::Async => request.header("x-amz-invocation-type", "Event"),
    };
    request.body(()).expect("a request").into_parts().0
}

#[test]
fn every_cell_of_the_scope_matrix_is_as_configured_and_there_is_one_404() {
    let (keys, table) = (ring(), table());
    for (dialect_number, dialect) in DIALECTS.iter().enumerate() {
        let mut not_found = Vec::new();
        for key in 0..KEYS {
            // Each key is somebody else's, somewhere else; wrong ones are slowed down together otherwise.
            let limits = Limits::new(NonZeroU32::new(10).unwrap());
            let desk = Desk { keys: &keys, table: &table, limits: &limits, tokens: None, asynchronous: None };
            for function in 0..FUNCTIONS {
                for mode in [Mode::Sync, Mode::Async] {
                    let name = function_key(*dialect, function);
                    let head = request(*dialect, &name, mode, &secret(key));
                    // A day between two calls: guesses of the day before are forgotten.
                    let day = u64::try_from(function * 2 + usize::from(mode == Mode::Async)).unwrap();
                    let started = UNIX_EPOCH + Duration::from_secs(1_600_000_000 + 86_400 * day);
                    let (id, peer) = (Uuid::nil(), ([192, 0, 2, 1], 1).into());
                    let trace = crate::Trace::join(&head.headers, id, started);
                    let exchange =
                        Exchange { head: &head, id, trace, peer, started, elapsed: Duration::ZERO };
                    let told = recognise(*dialect, &exchange, &desk).expect("its route").err();
                    let cell = format!("{} key {key} function {function} {mode:?}", dialect.name());
                    assert_eq!(told, expected(key, dialect_number, function, mode), "{cell}");
                    if told == Some(Rejection::UnknownFunction) && mode == Mode::Sync {
                        let rendered = dialect.reject(&exchange, &Rejection::UnknownFunction);
                        let fields = format!("{:?}", rendered.head.headers).replace(&started_ns(started), "");
                        not_found.push(
                            format!("{fields} {:?}", rendered.body).replace(&format!("f{function}."), "f."),
                        );
                    }
                }
            }
        }
        not_found.dedup();
        assert_eq!(not_found.len(), 1, "{}: {not_found:#?}", dialect.name());
    }
}

/// An asynchronous call of a function of OpenFaaS', where such calls are taken.
fn admitted(
    url: Option<&str>,
    payload_is_event: bool,
    policy: &Asynchronous,
) -> Result<Invocation, Rejection> {
    admitted_to(Arc::new(row(payload_is_event)), every_right(), url, policy)
}

fn every_right() -> Key {
    Key::new("all", Scope::All, Scope::All, &Right::ALL)
}

fn row(payload_is_event: bool) -> Function {
    let lambda = FunctionRef::new("f");
    let timeout = Duration::from_secs(1);
    Function { lambda, qualifier: None, payload_is_event, durable: false, streams: false, timeout }
}

fn admitted_to(
    row: Arc<Function>,
    key: Key,
    url: Option<&str>,
    policy: &Asynchronous,
) -> Result<Invocation, Rejection> {
    let (mut ring, mut table) = (Keyring::default(), Table::default());
    ring.add_anonymous(key);
    table.add("openfaas", FunctionKey::new("f"), row);
    let limits = Limits::new(NonZeroU32::new(10).unwrap());
    let desk = Desk { keys: &ring, table: &table, limits: &limits, tokens: None, asynchronous: Some(policy) };
    let request = http::Request::post("/async-function/f").header("idempotency-key", "k");
    let request = url.into_iter().fold(request, |request, url| request.header("x-callback-url", url));
    let head = request.body(()).unwrap().into_parts().0;
    let (id, started) = (Uuid::nil(), UNIX_EPOCH);
    let trace = crate::Trace::join(&head.headers, id, started);
    let peer = ([192, 0, 2, 1], 1).into();
    let exchange = Exchange { head: &head, id, trace, peer, started, elapsed: Duration::ZERO };
    recognise(&crate::dialect::OpenFaas, &exchange, &desk).unwrap().map(|(_, invocation)| invocation)
}

#[test]
fn where_asynchronous_calls_are_taken_they_carry_their_callback_and_key() {
    let policy = Asynchronous::default();
    let invocation = admitted(Some("https://caller.example/done"), false, &policy).unwrap();
    assert_eq!(invocation.callback.unwrap().target(), "/done");
    assert_eq!(invocation.idempotency_key.unwrap().as_str(), "k");
    assert_eq!(invocation.mode, Mode::Async);
}

#[test]
fn a_durable_function_is_called_asynchronously_and_promises_no_callback() {
    let durable = |url| {
        let function = Function { durable: true, ..row(true) };
        admitted_to(Arc::new(function), every_right(), url, &Asynchronous::default())
    };
    assert_eq!(durable(None).unwrap().mode, Mode::Async);
    let refused = durable(Some("https://caller.example/done")).unwrap_err();
    assert!(matches!(refused, Rejection::NotImplemented(_)), "{refused:?}");
}

#[test]
fn a_callback_leaves_less_room_for_the_event() {
    let limit = |url, policy: &Asynchronous| admitted(url, false, policy).unwrap().event_limit;
    let url = Some("https://caller.example/done");
    assert_eq!(limit(None, &Asynchronous::default()), 1_048_576);
    assert_eq!(limit(url, &Asynchronous::default()), 262_144);
    let with = |callback_event_bytes| Asynchronous { callback_event_bytes, ..Asynchronous::default() };
    assert_eq!(limit(url, &with(500_000)), 500_000);
    assert_eq!(limit(url, &with(usize::MAX)), 1_048_576);
}

#[test]
fn a_callback_to_where_none_may_go_is_refused() {
    for (url, refusal) in [
        ("http://127.0.0.1/", UrlRefusal::Address),
        ("http://localhost/", UrlRefusal::Local),
        ("http://me:pw@caller.example/", UrlRefusal::Userinfo),
        ("http://caller.example:22/", UrlRefusal::Port),
    ] {
        let told = admitted(Some(url), false, &Asynchronous::default());
        assert_eq!(told.err(), Some(Rejection::CallbackUrl(refusal)), "{url}");
    }
}

#[test]
fn a_password_in_a_url_is_a_right_of_some_keys() {
    let with = |userinfo, url| {
        let key = Key { userinfo, ..Key::new("k", Scope::All, Scope::All, &Right::ALL) };
        admitted_to(Arc::new(row(false)), key, Some(url), &Asynchronous::default()).map(drop)
    };
    let refused = Err(Rejection::CallbackUrl(UrlRefusal::Userinfo));
    assert_eq!(with(true, "https://me:pw@caller.example/"), Ok(()));
    assert_eq!(with(false, "https://me:pw@caller.example/"), refused);
    assert_eq!(with(true, "http://me:pw@caller.example/"), refused, "not in clear");
    let address = Err(Rejection::CallbackUrl(UrlRefusal::Address));
    assert_eq!(with(true, "https://me:pw@127.0.0.1/"), address, "nothing else is allowed by it");
}

#[test]
fn a_function_whose_payload_is_the_event_has_no_place_for_a_ticket() {
    let expected = Rejection::NotImplemented("this function takes synchronous calls only");
    for url in [None, Some("https://caller.example/done")] {
        assert_eq!(admitted(url, true, &Asynchronous::default()).err(), Some(expected.clone()));
    }
}

/// OpenFaaS tells when the request came.
fn started_ns(started: SystemTime) -> String {
    started.duration_since(UNIX_EPOCH).unwrap().as_nanos().to_string()
}
