//! Admission must cost the same however many functions and keys there are:
//! `cargo bench -p stayput-core --bench admission`.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    num::NonZeroU32,
    sync::Arc,
    time::{Duration, SystemTime},
};

use divan::{Bencher, black_box};
use http::{Request, request};
use lambda_protocol::function::FunctionRef;
use stayput_core::{
    Credential, DIALECTS, Dialect, Exchange, FunctionKey, Trace,
    admission::{Desk, recognise},
    keys::{CredentialHash, Key, Keyring, Right, Scope},
    limits::Limits,
    table::{Function, Table},
};
use uuid::Uuid;

fn main() {
    divan::main();
}

/// As many functions as keys.
const ROWS: [usize; 3] = [1, 100, 10_000];

const PEER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 50_000);

fn dialect() -> &'static dyn Dialect {
    DIALECTS[0]
}

fn name(row: usize) -> String {
    format!("function-{row}")
}

fn secret(row: usize) -> String {
    format!("a-key-for-these-runs-and-for-nothing-else-{row}")
}

fn table(rows: usize) -> Table {
    let mut table = Table::default();
    for row in 0..rows {
        let function = Function {
            lambda: FunctionRef::new(name(row)),
            qualifier: None,
            payload_is_event: false,
            durable: false,
            streams: false,
            timeout: Duration::from_secs(30),
        };
        table.add(dialect().name(), FunctionKey::new(name(row)), Arc::new(function));
    }
    table
}

/// Each may call one function, the last one all.
fn keyring(rows: usize) -> Keyring {
    let mut ring = Keyring::default();
    for row in 0..rows {
        let functions = if row + 1 == rows { Scope::All } else { Scope::Only(vec![name(row)]) };
        let key = Key::new(name(row), Scope::All, functions, &Right::ALL);
        ring.add(CredentialHash::of(&Credential::new(secret(row))), key);
    }
    ring
}

fn exchange(head: &request::Parts) -> Exchange<'_> {
    let (id, started) = (Uuid::from_u128(1), SystemTime::UNIX_EPOCH);
    let trace = Trace::join(&head.headers, id, started);
    Exchange { head, id, trace, peer: PEER, started, elapsed: Duration::ZERO }
}

fn call(function: usize, key: usize) -> request::Parts {
    let route = dialect().routes(&FunctionKey::new(name(function))).swap_remove(0);
    let (header, value) = dialect().credential_header(&secret(key));
    let request = Request::builder().method(route.methods.first().expect("one")).uri(route.path);
    request.header(header, value).body(()).expect("a request").into_parts().0
}

#[divan::bench(args = ROWS)]
fn admit(bencher: Bencher<'_, '_>, rows: usize) {
    let (table, keys) = (table(rows), keyring(rows));
    let limits = Limits::new(NonZeroU32::MAX);
    let desk = Desk { keys: &keys, table: &table, limits: &limits, tokens: None, asynchronous: None };
    let head = call(rows / 2, rows - 1);
    bencher.bench_local(|| {
        let admitted = recognise(dialect(), &exchange(black_box(&head)), &desk);
        admitted.expect("its own route").expect("allowed")
    });
}

#[divan::bench(args = ROWS)]
fn refuse_an_unknown_key(bencher: Bencher<'_, '_>, rows: usize) {
    let (table, keys) = (table(rows), keyring(rows));
    let limits = Limits::new(NonZeroU32::MAX);
    let desk = Desk { keys: &keys, table: &table, limits: &limits, tokens: None, asynchronous: None };
    let head = call(rows / 2, rows);
    bencher.bench_local(|| {
        let admitted = recognise(dialect(), &exchange(black_box(&head)), &desk);
        admitted.expect("its own route").expect_err("nobody's key")
    });
}

#[divan::bench(args = ROWS)]
fn refuse_an_unknown_function(bencher: Bencher<'_, '_>, rows: usize) {
    let (table, keys) = (table(rows), keyring(rows));
    let limits = Limits::new(NonZeroU32::MAX);
    let desk = Desk { keys: &keys, table: &table, limits: &limits, tokens: None, asynchronous: None };
    let head = call(rows, rows - 1);
    bencher.bench_local(|| {
        let admitted = recognise(dialect(), &exchange(black_box(&head)), &desk);
        admitted.expect("its own route").expect_err("nobody's function")
    });
}

/// A path that no dialect answers is asked of them all.
#[divan::bench]
fn recognise_no_route(bencher: Bencher<'_, '_>) {
    let (table, keys) = (table(1), keyring(1));
    let limits = Limits::new(NonZeroU32::MAX);
    let desk = Desk { keys: &keys, table: &table, limits: &limits, tokens: None, asynchronous: None };
    let head = Request::get("/favicon.ico").body(()).expect("a request").into_parts().0;
    bencher.bench_local(|| {
        let any =
            DIALECTS.iter().any(|dialect| recognise(*dialect, &exchange(black_box(&head)), &desk).is_some());
        assert!(!any, "nobody's route");
    });
}
