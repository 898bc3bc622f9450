//! What each dialect costs: `cargo bench -p stayput-core --bench dialects`.

use std::{
    net::SocketAddr,
    time::{Duration, SystemTime},
};

use divan::{Bencher, black_box};
use http::{HeaderMap, Request, StatusCode, request};
use stayput_core::{
    Answer, Call, DIALECTS, Dialect, Exchange, Outcome, Rejection, Trace, dialect::signpost::Route,
};
use uuid::Uuid;

fn main() {
    divan::main();
}

fn named(name: &str) -> &'static dyn Dialect {
    let found = DIALECTS.iter().find(|dialect| dialect.name() == name);
    *found.expect("a dialect")
}

const NAMES: [&str; 4] = ["stedi", "altair", "eywa", "openfaas"];

/// A synchronous call of one function, as this dialect's callers write it.
fn head(dialect: &dyn Dialect) -> request::Parts {
    let routes = dialect.routes(&dialect.own_key("resize-images"));
    let Route { methods, path, .. } = routes.first().expect("the synchronous one");
    let (name, value) = dialect.credential_header("a-key-for-these-runs-and-for-nothing-else");
    let request = Request::builder().method(methods.first().expect("one")).uri(path).header(name, value);
    let request = request.header("host", "gateway.example.com").header("user-agent", "curl/8.5.0");
    request.body(()).expect("a request").into_parts().0
}

fn exchange(head: &request::Parts) -> Exchange<'_> {
    let (id, started) = (Uuid::from_u128(1), SystemTime::UNIX_EPOCH);
    Exchange {
        head,
        id,
        trace: Trace::join(&head.headers, id, started),
        peer: SocketAddr::from(([192, 0, 2, 1], 50_000)),
        started,
        elapsed: Duration::from_millis(25),
    }
}

fn call(dialect: &dyn Dialect, head: &request::Parts) -> Call {
    dialect.parse(head).expect("its own route").expect("rightly spoken")
}

#[divan::bench(args = NAMES)]
fn parse(bencher: Bencher<'_, '_>, name: &str) {
    let dialect = named(name);
    let head = head(dialect);
    bencher.bench_local(|| call(dialect, black_box(&head)));
}

#[divan::bench(args = NAMES)]
fn render(bencher: Bencher<'_, '_>, name: &str) {
    let dialect = named(name);
    let head = head(dialect);
    let call = call(dialect, &head);
    let mut headers = HeaderMap::new();
    headers.insert("content-type", http::HeaderValue::from_static("application/json"));
    let outcome = Outcome::Returned(Answer { status: StatusCode::OK, headers, log_result: None });
    bencher.bench_local(|| dialect.render(&exchange(&head), &call, black_box(&outcome)));
}

#[divan::bench(args = NAMES)]
fn reject(bencher: Bencher<'_, '_>, name: &str) {
    let dialect = named(name);
    let head = head(dialect);
    bencher.bench_local(|| dialect.reject(&exchange(&head), black_box(&Rejection::UnknownFunction)));
}
