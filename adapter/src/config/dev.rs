//! What `stayput dev` makes up where no file says otherwise.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
    time::Duration,
};

use lambda_local::{
    function::{DurableConfig, FunctionUrl, InvokeMode},
    template::TemplateFunction,
};
use lambda_protocol::function::{FunctionRef, Qualifier};
use stayput_core::{
    Credential, DIALECTS,
    keys::{Cidr, CredentialHash, Key, Right, Scope},
    table::{Function, Table},
};

use super::{
    function::{GRACE, reachable_key},
    key::{Holder, KeyRow},
};

/// A function that answers under its own name.
#[derive(Clone, Debug)]
pub struct OwnName {
    pub name: String,
    /// How long it may run.
    pub timeout: Duration,
    /// Its URL's mode says that it streams.
    pub streams: bool,
    /// `None`: a call of it is one invocation.
    pub durable: Option<DurableConfig>,
}

impl OwnName {
    /// Of a function whose answers come whole.
    pub fn new(name: &str, timeout: Duration) -> Self {
        Self { name: name.to_owned(), timeout, streams: false, durable: None }
    }
}

impl From<&TemplateFunction> for OwnName {
    fn from(TemplateFunction { name, timeout, url, durable, .. }: &TemplateFunction) -> Self {
        Self { streams: streams(url.as_ref()), durable: *durable, ..Self::new(name, *timeout) }
    }
}

impl From<&lambda_local::Function> for OwnName {
    fn from(lambda_local::Function { name, timeout, url, durable, .. }: &lambda_local::Function) -> Self {
        Self { streams: streams(url.as_ref()), durable: *durable, ..Self::new(name, *timeout) }
    }
}

fn streams(url: Option<&FunctionUrl>) -> bool {
    url.is_some_and(|url| url.invoke_mode == InvokeMode::ResponseStream)
}

/// A table in which every function answers in every dialect under its own name. A name that a dialect's callers
/// cannot write is left out there.
pub fn own_names(functions: impl IntoIterator<Item = OwnName>) -> Table {
    let mut table = Table::default();
    for OwnName { name, timeout, streams, durable } in functions {
        let lambda = FunctionRef { region: None, account: None, name: name.clone(), qualifier: None };
        // A durable one is called by a qualified name, takes events, and is waited for until its execution is over.
        let qualifier = durable.map(|_| Qualifier::latest());
        let timeout = durable.map_or(timeout, |config| {
            Duration::from_secs(config.execution_timeout_s).min(DurableConfig::AWAITED_MAX)
        });
        let (durable, timeout) = (durable.is_some(), timeout + GRACE);
        let function = Function { lambda, qualifier, payload_is_event: durable, durable, streams, timeout };
        let function = Arc::new(function);
        for &dialect in DIALECTS {
            if let Some(key) = reachable_key(dialect, dialect.own_key(&name).as_str()) {
                table.add(dialect.name(), key, Arc::clone(&function));
            }
        }
    }
    table
}

/// The key of whoever runs `dev`: everything, in every dialect, from anywhere.
pub fn own_key(secret: &Credential) -> KeyRow {
    KeyRow {
        holder: Holder::Credential(CredentialHash::of(secret)),
        key: Key::new("dev", Scope::All, Scope::All, &Right::ALL),
    }
}

/// OpenFaaS callers present nothing: without a file they need not begin to, on this machine.
pub fn anonymous() -> KeyRow {
    let openfaas = Scope::Only(vec!["openfaas".to_owned()]);
    KeyRow {
        holder: Holder::Anonymous,
        key: Key {
            sources: LOOPBACK.into(),
            ..Key::new("anonymous", openfaas, Scope::All, &[Right::Invoke, Right::Async])
        },
    }
}

const LOOPBACK: [Cidr; 2] = [
    Cidr { network: IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)), prefix_bits: 8 },
    Cidr { network: IpAddr::V6(Ipv6Addr::LOCALHOST), prefix_bits: 128 },
];
