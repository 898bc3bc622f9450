//! Callbacks on one machine: the ends of asynchronous calls go to a queue of the embedded service, and from there to the
//! callers' URLs.

use std::sync::Arc;

use event_queue::{EventQueue, Failure as StoreFailure, QueueName};
use lambda_local::template::TemplateFunction;
use stayput_core::{
    admission::Asynchronous,
    callback::{Policy, When},
    token::SealingKeys,
};

use crate::{
    acceptance::Acceptance,
    deliverer::{Deliverer, Figures, Post, StoredRecords, ThisMachine},
    events::Events,
    ledger::{Ledger, StoredTable},
    timelines::Timelines,
};

/// Has the ends of all functions told to the deliverer that the template does not send elsewhere, as one does on AWS.
/// Returns the names of the others.
pub(super) fn direct(functions: &mut [TemplateFunction]) -> Vec<String> {
    let mut elsewhere = Vec::new();
    for function in functions {
        let config = function.events.config.get_or_insert_default();
        let ends = [&mut config.on_success, &mut config.on_failure];
        let is_told = ends.map(|end| end.get_or_insert_with(|| QUEUE_ARN.to_owned()).as_str() == QUEUE_ARN);
        if is_told != [true; 2] {
            elsewhere.push(function.name.clone());
        }
    }
    elsewhere
}

/// Takes asynchronous calls, and promises callbacks to this machine, too.
///
/// # Errors
/// The database cannot be read.
pub(super) fn acceptance(
    store: &EventQueue,
    keys: &SealingKeys,
    elsewhere: Vec<String>,
) -> Result<Acceptance, StoreFailure> {
    let rules = Asynchronous {
        callbacks: Some(policy()),
        elsewhere: elsewhere.into_iter().collect(),
        ..Asynchronous::default()
    };
    let ledger = Ledger::new(Arc::new(StoredTable::new(store.clone())?));
    Ok(Acceptance { rules, keys: keys.clone(), ledger, patience: None })
}

/// # Errors
/// The database cannot be read.
pub(super) fn deliverer(
    store: &EventQueue,
    keys: &SealingKeys,
    figures: Figures,
    timelines: Timelines,
) -> Result<Deliverer, StoreFailure> {
    let post = Post {
        network: Arc::new(ThisMachine),
        #[cfg(feature = "tls")]
        tls: crate::tls::Tls::of_the_system().ok(),
    };
    Ok(Deliverer {
        records: Arc::new(StoredRecords::new(store.clone(), queue())?),
        keys: keys.clone(),
        policy: policy(),
        when: When::default(),
        post,
        figures,
        timelines: Some(timelines),
    })
}

/// What is waiting, and what became of it.
pub(super) fn events(store: &EventQueue, keys: &SealingKeys, timelines: Timelines) -> Events {
    Events::new(store.clone(), queue(), keys.clone(), timelines)
}

fn queue() -> QueueName {
    QueueName::parse(QUEUE).expect("letters and hyphens")
}

fn policy() -> Policy {
    Policy { dev: true, ..Policy::default() }
}

const QUEUE: &str = "stayput-callbacks";

/// In the account and the region that the embedded service stands in for.
const QUEUE_ARN: &str = "arn:aws:sqs:us-east-1:000000000000:stayput-callbacks";
