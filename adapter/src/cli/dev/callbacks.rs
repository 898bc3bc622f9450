//! Callbacks on one machine: the ends of asynchronous calls go to a queue of the embedded service, and from there to the
//! callers' URLs.

use std::sync::Arc;

use event_queue::{EventQueue, Failure as StoreFailure, QueueName};
use lambda_local::template::TemplateFunction;
use stayput_core::token::SealingKeys;

use crate::{
    acceptance::Acceptance,
    cli::terminal::say,
    config::CallbackSettings,
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
    settings: &CallbackSettings,
    store: &EventQueue,
    keys: &SealingKeys,
    elsewhere: Vec<String>,
) -> Result<Acceptance, StoreFailure> {
    let rules = settings.rules(settings.dev_policy(), elsewhere.into_iter().collect());
    let ledger = Ledger::new(Arc::new(StoredTable::new(store.clone())?));
    Ok(Acceptance { rules, keys: keys.clone(), ledger, patience: None, destinations: None })
}

/// # Errors
/// The database cannot be read.
pub(super) fn deliverer(
    settings: &CallbackSettings,
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
        policy: settings.dev_policy().of_promises(),
        when: settings.eywa,
        post,
        figures,
        timelines: Some(timelines),
    })
}

/// Callers of `dev` reach by a callback what only this machine should reach: whoever opens `dev` to others has to know.
pub(super) fn tell_of_loopback(settings: &CallbackSettings) {
    if settings.loopback {
        say(
            "callbacks may go to this machine's loopback addresses, too; [callback] loopback = false forbids it",
        );
    }
}

/// What is waiting, and what became of it.
pub(super) fn events(store: &EventQueue, keys: &SealingKeys, timelines: Timelines) -> Events {
    Events::new(store.clone(), queue(), keys.clone(), timelines)
}

fn queue() -> QueueName {
    QueueName::parse(QUEUE).expect("letters and hyphens")
}

pub(super) const QUEUE: &str = "stayput-callbacks";

/// In the account and the region that the embedded service stands in for.
const QUEUE_ARN: &str = "arn:aws:sqs:us-east-1:000000000000:stayput-callbacks";
