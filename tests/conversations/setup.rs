//! The one table and the one key ring that all conversations run with.
//!
//! ```text
//! dialect    function key                                               Lambda function   timeout
//! stedi      echo · slow · other · event · stream                       echo-fn · slow-fn · other-fn · …
//! altair     dev/echo · dev/slow · dev/other · dev/event · dev/stream   the same          300 ms for slow-fn,
//! eywa       0e…01 · 0e…02 · 0e…03 · 0e…04 · 0e…05 (below)              the same          30 s for the others
//! openfaas   echo · slow · other · event · stream                       the same
//! openfaas   echo.team                                                  echo-fn, qualifier `live`
//!
//! credential               rights                  functions
//! <dialect>-key            invoke, async, logs     all
//! <dialect>-key-no-logs    invoke, async           all
//! <dialect>-key-sync-only  invoke                  all
//! <dialect>-key-async-only async                   all
//! <dialect>-key-other-only invoke, async, logs     other
//! <dialect>-key-once       invoke, async, logs     all; one call in an hour
//! none, OpenFaaS only      invoke, async           all but other
//! ```
//!
//! `event` is a function with `payload = "event"`, `stream` one with `stream = true`.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use lambda_protocol::function::{FunctionRef, Qualifier};
use stayput_core::{
    Credential, FunctionKey,
    keys::{CredentialHash, Key, Keyring, Right, Scope},
    limits::{Limits, Rate},
    table::{Function, Table},
};

/// Dialect, and its keys of `echo`, `slow`, `other`, `event` and `stream`.
pub(crate) const FUNCTIONS: [(&str, [&str; 5]); 4] = [
    ("stedi", ["echo", "slow", "other", "event", "stream"]),
    ("altair", ["dev/echo", "dev/slow", "dev/other", "dev/event", "dev/stream"]),
    (
        "eywa",
        [
            "0e000000-0000-5000-8000-000000000001",
            "0e000000-0000-5000-8000-000000000002",
            "0e000000-0000-5000-8000-000000000003",
            "0e000000-0000-5000-8000-000000000004",
            "0e000000-0000-5000-8000-000000000005",
        ],
    ),
    ("openfaas", ["echo", "slow", "other", "event", "stream"]),
];

/// Credential behind `<dialect>-key`, and what it may.
pub(crate) const RIGHTS: [(&str, &[Right]); 6] = [
    ("", &Right::ALL),
    ("-no-logs", &[Right::Invoke, Right::Async]),
    ("-sync-only", &[Right::Invoke]),
    ("-async-only", &[Right::Async]),
    (OTHER_ONLY, &Right::ALL),
    (ONCE, &Right::ALL),
];

pub(crate) const OTHER_ONLY: &str = "-other-only";
pub(crate) const ONCE: &str = "-once";

/// Far from what any conversation asks of it.
pub(crate) fn limits() -> Limits {
    Limits::new(NonZeroU32::new(100).expect("some"))
}

pub(crate) fn table() -> Table {
    let mut table = Table::default();
    for (dialect, [echo, slow, other, event, stream]) in FUNCTIONS {
        add(&mut table, dialect, echo, function("echo-fn"));
        add(
            &mut table,
            dialect,
            slow,
            Function { timeout: Duration::from_millis(300), ..function("slow-fn") },
        );
        add(&mut table, dialect, other, function("other-fn"));
        add(&mut table, dialect, event, Function { payload_is_event: true, ..function("event-fn") });
        add(&mut table, dialect, stream, Function { streams: true, ..function("stream-fn") });
    }
    let live = Qualifier::parse("live").expect("an alias");
    add(&mut table, "openfaas", "echo.team", Function { qualifier: Some(live), ..function("echo-fn") });
    table
}

pub(crate) fn keys() -> Keyring {
    let mut ring = Keyring::default();
    for (dialect, [_, _, other, ..]) in FUNCTIONS {
        for (suffix, rights) in RIGHTS {
            let functions =
                if suffix == OTHER_ONLY { Scope::Only(vec![other.to_owned()]) } else { Scope::All };
            let credential = Credential::new(format!("{dialect}-key{suffix}"));
            let mut key = key(dialect, suffix, functions, rights);
            key.limits.rate = (suffix == ONCE).then(|| Rate::parse("1/h").expect("a rate"));
            ring.add(CredentialHash::of(&credential), key);
        }
    }
    let seen = ["echo", "echo.team", "slow", "event", "stream"].map(str::to_owned);
    let functions = Scope::Only(seen.into());
    ring.add_anonymous(key("openfaas", "-anonymous", functions, &[Right::Invoke, Right::Async]));
    ring
}

fn add(table: &mut Table, dialect: &str, key: &str, function: Function) {
    let before = table.add(dialect, FunctionKey::new(key), Arc::new(function));
    assert_eq!(before, None, "{dialect} {key} is in the table twice");
}

fn function(name: &str) -> Function {
    Function {
        lambda: FunctionRef::new(name),
        qualifier: None,
        payload_is_event: false,
        durable: false,
        streams: false,
        timeout: Duration::from_secs(30),
    }
}

fn key(dialect: &str, suffix: &str, functions: Scope, rights: &[Right]) -> Key {
    Key::new(format!("{dialect}{suffix}"), Scope::Only(vec![dialect.to_owned()]), functions, rights)
}
