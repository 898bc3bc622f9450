//! Durable executions: functions whose calls may take a year, over many invocations.
//!
//! ```text
//! Invoke ─► start ─┐                          ┌─► invocation (run as any other) ─► its end ─┐
//!                  ├─► change ─► store ─► work┤                                             ├─► change ─► …
//! checkpoint, stop ┤   one turn    (SQLite)   ├─► timers, retention                         │
//! callbacks ───────┘   at a time              └─► a chained function, or the parent is told ┘
//! ```
//!
//! What can become of an execution is decided in [`lambda_durable`], without time or files. Every transition is on the disk
//! before anybody hears of it, so this process may end at any moment: what was running runs again, and what had been said stays
//! said. An execution that only waits is rows on the disk: it costs neither memory nor time.

mod about;
mod announcement;
mod cell;
mod chained;
mod invocation;
pub(crate) mod start;
pub(crate) mod store;
mod work;

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use event_queue::EventQueue;
use lambda_durable::{Due, Effects, Execution, Moment, Refusal};
use tokio::{
    sync::{Mutex as TurnMutex, Semaphore, watch},
    time::sleep,
};

pub(crate) use about::{About, id_of};
use cell::{Cells, Loaded, Turn};
use chained::Followed;
pub(crate) use chained::unqualified;
pub(crate) use start::too_long_to_await;
use store::{Change, ExecutionStore, New, Saved, StoreError};
use work::{Bell, Taken};

use crate::{events::config::epoch_ms, run::Runner};

/// The executions of a service.
#[derive(Debug)]
pub(crate) struct Executions {
    pub(crate) store: ExecutionStore,
    pub(crate) runner: Runner,
    cells: Cells,
    bell: Bell,
    /// Those that the worker invokes or settles, and those whose time has come.
    served: Taken,
    ticked: Taken,
    /// Places for invocations of executions.
    places: Arc<Semaphore>,
    /// Places for functions that executions invoke.
    chained: Arc<Semaphore>,
    /// Held by whoever starts one under a name of the caller's.
    naming: TurnMutex<()>,
    /// Where ends are told that nobody waits for.
    queue: Option<EventQueue>,
}

/// Why nothing has changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("there is no such execution")]
    Unknown,
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// One execution, and whoever changes it now.
pub(crate) struct Doing<'a> {
    pub(crate) about: &'a About,
    pub(crate) execution: &'a mut Execution,
    is_settled: &'a mut bool,
    runs_here: &'a mut bool,
    is_settling: &'a mut bool,
    pub(crate) now: Moment,
}

impl Executions {
    /// The receiver closes when nothing is left to be done: after the service began to close.
    ///
    /// # Panics
    /// Outside a Tokio runtime.
    pub(crate) fn begin(
        store: ExecutionStore,
        runner: Runner,
        queue: Option<EventQueue>,
    ) -> (Arc<Self>, watch::Receiver<()>) {
        let executions = Arc::new(Self {
            store,
            runner,
            cells: Cells::default(),
            bell: Bell::default(),
            served: Taken::default(),
            ticked: Taken::default(),
            places: Arc::new(Semaphore::new(MAX_RUNNING)),
            chained: Arc::new(Semaphore::new(MAX_RUNNING)),
            naming: TurnMutex::default(),
            queue,
        });
        let (ended, end) = watch::channel(());
        let worker = Arc::clone(&executions);
        tokio::spawn(async move {
            worker.work().await;
            drop(worker);
            drop(ended);
        });
        (executions, end)
    }

    /// Changes an execution when its turn comes. The change, all of it, is durable when this returns, and what follows from it has
    /// begun. The future may be dropped; the change is made all the same.
    ///
    /// # Errors
    /// Nothing has changed.
    pub(crate) async fn change<T: Send + 'static>(
        self: &Arc<Self>,
        id: &str,
        change: impl FnOnce(Doing<'_>) -> Result<(T, Effects), Refusal> + Send + 'static,
    ) -> Result<T, Failure> {
        self.change_with(id, Vec::new(), change).await
    }

    /// Likewise, together with other changes of the disk.
    async fn change_with<T: Send + 'static>(
        self: &Arc<Self>,
        id: &str,
        changes: Vec<Change>,
        change: impl FnOnce(Doing<'_>) -> Result<(T, Effects), Refusal> + Send + 'static,
    ) -> Result<T, Failure> {
        let (executions, held) = (Arc::clone(self), self.cells.hold(id));
        let changing = async move {
            let mut turn = held.cell().turn.lock().await;
            let Turn { loaded, runs_here, is_settling } = &mut *turn;
            let current = executions.read(loaded, held.id()).await?;
            let Loaded { about, execution, is_settled } = &mut *current;
            let now = executions.now();
            let was_over = execution.end.is_some();
            let doing = Doing { about, execution, is_settled, runs_here, is_settling, now };
            let (value, effects) = change(doing)?;
            let is_over = current.execution.end.is_some();
            let written = executions.write(current, &effects, changes, now).await;
            // Without it, what is in memory is ahead of the disk.
            let (followed, due) = written.inspect_err(|_| *loaded = None)?;
            if is_over && !was_over {
                held.cell().is_over.send_replace(true);
                *is_settling = true;
                executions.begin_to_settle(held.id());
            }
            drop(turn);
            executions.ring(held.id(), due);
            for followed in followed {
                executions.go_on(followed);
            }
            Ok(value)
        };
        let changed = tokio::spawn(changing).await;
        changed.unwrap_or_else(|error| Err(StoreError::Broken(error.to_string().into()).into()))
    }

    /// What follows from a transition, and when the execution is to be looked at.
    async fn write(
        &self,
        loaded: &Loaded,
        effects: &Effects,
        mut changes: Vec<Change>,
        now: Moment,
    ) -> Result<(Vec<Followed>, u64), StoreError> {
        let followed = self.follow(loaded, effects, &mut changes, now)?;
        let (change, due) = saved(loaded, effects, None, now)?;
        changes.push(change);
        self.store.write(changes).await?;
        Ok((followed, due))
    }

    /// Looks at an execution when its turn comes.
    pub(crate) async fn look<T>(
        &self,
        id: &str,
        look: impl FnOnce(&About, &Execution) -> T,
    ) -> Result<T, Failure> {
        let held = self.cells.hold(id);
        let mut turn = held.cell().turn.lock().await;
        let loaded = self.read(&mut turn.loaded, id).await?;
        Ok(look(&loaded.about, &loaded.execution))
    }

    /// As it is on the disk, without its operations.
    pub(crate) async fn glance<T>(
        &self,
        id: &str,
        look: impl FnOnce(&About, &Execution) -> T,
    ) -> Result<T, Failure> {
        let kept = self.store.find(id).await?.ok_or(Failure::Unknown)?;
        let loaded = Loaded::read(kept, &[])?;
        Ok(look(&loaded.about, &loaded.execution))
    }

    async fn read<'a>(&self, loaded: &'a mut Option<Loaded>, id: &str) -> Result<&'a mut Loaded, Failure> {
        if loaded.is_none() {
            let (kept, operations) = self.store.whole(id).await?.ok_or(Failure::Unknown)?;
            *loaded = Some(Loaded::read(kept, &operations)?);
        }
        loaded.as_mut().ok_or(Failure::Unknown)
    }

    /// Tries until it is durable, or the service closes.
    async fn until_written<T, F>(&self, id: &str, mut change: impl FnMut() -> F)
    where
        F: Future<Output = Result<T, Failure>>,
    {
        loop {
            match change().await {
                Ok(_) | Err(Failure::Unknown | Failure::Refused(_)) => return,
                Err(Failure::Store(_)) if self.runner.driver.is_closing() => return,
                Err(Failure::Store(error)) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        id,
                        "an execution waits for the disk"
                    );
                    sleep(WRITE_PAUSE).await;
                }
            }
        }
    }

    #[expect(clippy::unused_self, reason = "the service's clock")]
    pub(crate) fn now(&self) -> Moment {
        Moment(epoch_ms(SystemTime::now()))
    }
}

/// The execution's row, and when it is to be looked at.
fn saved(
    loaded: &Loaded,
    effects: &Effects,
    new: Option<New>,
    now: Moment,
) -> Result<(Change, u64), StoreError> {
    let Loaded { about, execution, is_settled } = loaded;
    let unwritable = |error: serde_json::Error| StoreError::Broken(error.to_string().into());
    let write_operation = |at: &usize| Ok((*at, serde_json::to_string(&execution.operations()[*at])?));
    let operations =
        effects.operations.iter().map(write_operation).collect::<Result<_, _>>().map_err(unwritable)?;
    let events = effects.events.iter().map(|event| Ok((event.number, serde_json::to_string(event)?)));
    let due = match (execution.due(now), &execution.end) {
        (Due::Invoke, _) => AT_ONCE,
        // A moment that has passed is not `AT_ONCE`: nobody needs a place for it.
        (Due::At(moment), _) => moment.0.max(1),
        (Due::Over, Some(end)) if *is_settled => about.kept_until(end.at).0,
        (Due::Over, _) => AT_ONCE,
    };
    let saved = Saved {
        id: about.id.clone(),
        new,
        status: execution.status(),
        ended: execution.end.as_ref().map(|end| end.at.0),
        due,
        is_running: execution.is_running(),
        is_settled: *is_settled,
        state: serde_json::to_string(execution).map_err(unwritable)?,
        operations,
        events: events.collect::<Result<_, _>>().map_err(unwritable)?,
    };
    Ok((Change::Save(Box::new(saved)), due))
}

/// What stands for it in the database.
const AT_ONCE: u64 = 0;

/// Before what could not be written is tried again. Ours.
const WRITE_PAUSE: Duration = Duration::from_millis(200);

/// Invocations of executions at once, and likewise functions invoked by them that are not durable: their payloads are in memory. Ours.
const MAX_RUNNING: usize = 128;
