//! Callbacks in front of AWS: what `serve` promises, and what it or `deliver` keeps.

use std::{
    future::Future,
    sync::Arc,
    time::{Duration, SystemTime},
};

use stayput_core::token::SealingKeys;
use tokio::time::{MissedTickBehavior, interval};

use crate::{
    aws::{Account, CloudWatchLogs, SetupError, Sqs},
    backend::LambdaBackend,
    config::CallbackSettings,
    deliverer::{Deliverer, Executions, Figures, Post, Removal, SqsRecords, ThisMachine},
    destinations::Destinations,
    events::{Promises, View},
    ledger::Ledger,
    sweeper::Sweeper,
    tls::Tls,
};

/// The queues that the settings name, and the ledger.
pub(super) struct Callbacks {
    queue: Arc<Sqs>,
    dead_letters: Arc<Sqs>,
    logs: Arc<CloudWatchLogs>,
    ledger: Ledger,
    lambda: Arc<dyn LambdaBackend>,
    settings: CallbackSettings,
    keys: SealingKeys,
    figures: Figures,
}

impl Callbacks {
    /// `None`: no queue is named.
    ///
    /// # Errors
    /// A queue's URL is none.
    pub(super) async fn find(
        account: &Account,
        settings: &CallbackSettings,
        ledger: Ledger,
        keys: SealingKeys,
        figures: Figures,
    ) -> Result<Option<Self>, SetupError> {
        let (Some(queue), Some(dead_letters)) = (&settings.queue, &settings.dead_letters) else {
            return Ok(None);
        };
        let queue = Arc::new(account.queue(&queue.to_string())?);
        let dead_letters = Arc::new(account.queue(&dead_letters.to_string())?);
        let logs = Arc::new(account.logs().await?);
        let lambda = Arc::new(account.lambda_api().await?);
        let settings = settings.clone();
        Ok(Some(Self { queue, dead_letters, logs, ledger, lambda, settings, keys, figures }))
    }

    /// Whose calls may be promised a callback.
    ///
    /// # Errors
    /// Lambda's endpoint is none.
    pub(super) async fn destinations(&self, account: &Account) -> Result<Arc<dyn Destinations>, SetupError> {
        Ok(Arc::new(account.destinations(Arc::clone(&self.queue)).await?))
    }

    pub(super) fn deliverer(&self, removal: Removal) -> Deliverer {
        let records = SqsRecords {
            queue: Arc::clone(&self.queue),
            dead_letters: Arc::clone(&self.dead_letters),
            ledger: self.ledger.clone(),
            removal,
        };
        Deliverer {
            records: Arc::new(records),
            keys: self.keys.clone(),
            policy: self.settings.policy().of_promises(),
            when: self.settings.eywa,
            post: Post { network: Arc::new(ThisMachine), tls: Tls::of_the_system().ok() },
            figures: self.figures.clone(),
            timelines: None,
            executions: Some(Executions { ledger: self.ledger.clone(), lambda: Arc::clone(&self.lambda) }),
        }
    }

    /// What the operator sees of them.
    pub(super) fn view(&self) -> View {
        View::Aws(Promises {
            ledger: self.ledger.clone(),
            queue: Arc::clone(&self.queue),
            dead_letters: Arc::clone(&self.dead_letters),
            logs: Arc::clone(&self.logs),
            keys: self.keys.clone(),
        })
    }

    pub(super) fn sweeper(&self) -> Sweeper {
        Sweeper {
            ledger: self.ledger.clone(),
            queue: Arc::clone(&self.queue),
            keys: self.keys.clone(),
            figures: self.figures.clone(),
        }
    }

    /// Delivers and sweeps until `stop`; posts that are under way then are finished.
    pub(super) async fn keep(self, stop: impl Future<Output = ()>) {
        let sweeper = self.sweeper();
        let delivered = self.deliverer(Removal::Ours).run(stop);
        tokio::select! {
            ended = delivered => if let Err(error) = ended {
                tracing::error!(error = &error as &dyn std::error::Error, "callbacks are no longer delivered");
            },
            () = sweep(sweeper, self.settings.outcome_after.min(SWEEP_EVERY)) => {}
        }
    }
}

/// At once, then now and then, for as long as it is polled.
async fn sweep(sweeper: Sweeper, every: Duration) {
    let mut interval = interval(every);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        // Each call that was found has its own line in the log.
        if let Err(error) = sweeper.sweep(SystemTime::now()).await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "not all calls without an outcome were seen to; they are found next time");
        }
    }
}

/// Source: security-and-delivery.md 2.3.
const SWEEP_EVERY: Duration = Duration::from_mins(5);
