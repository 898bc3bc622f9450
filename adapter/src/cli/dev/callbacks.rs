//! Callbacks on one machine: the ends of asynchronous calls go to a queue of the embedded service, and from there to the
//! callers' URLs.

use std::{future::ready, sync::Arc};

use event_queue::{EventQueue, Failure as StoreFailure, QueueName};
use lambda_local::LocalLambda;
use lambda_protocol::function::{FunctionRef, Qualifier};
use stayput_core::token::SealingKeys;

use crate::{
    acceptance::Acceptance,
    cli::terminal::say,
    config::CallbackSettings,
    deliverer::{Deliverer, Figures, Post, StoredRecords, ThisMachine},
    destinations::{Answer, Destinations},
    events::Events,
    ledger::{Ledger, StoredTable},
    timelines::Timelines,
};

/// The embedded service's own word on where functions' ends are told.
#[derive(Debug)]
pub(super) struct Here(pub(super) LocalLambda);

impl Destinations for Here {
    fn lead_here<'a>(&'a self, function: &'a FunctionRef, qualifier: Option<&'a Qualifier>) -> Answer<'a> {
        let told = self.0.destinations(&function.name, qualifier.map(Qualifier::as_str));
        Box::pin(ready(told.iter().all(|told| told.as_deref() == Some(QUEUE_ARN))))
    }
}

/// Takes asynchronous calls, and promises callbacks to this machine, too.
///
/// # Errors
/// The database cannot be read.
pub(super) fn acceptance(
    settings: &CallbackSettings,
    store: &EventQueue,
    keys: &SealingKeys,
) -> Result<Acceptance, StoreFailure> {
    let rules = settings.rules(settings.dev_policy());
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
        executions: None,
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

/// Where all ends are told that are not configured to be told elsewhere. In the account and the region that the embedded service
/// stands in for.
pub(super) const QUEUE_ARN: &str = "arn:aws:sqs:us-east-1:000000000000:stayput-callbacks";
