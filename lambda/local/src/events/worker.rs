//! Runs what is due, as much at once as may run, and says what became of it.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use event_queue::{Ask, Batch, Claim, Error, EventQueue, Leased, Pause, Refusal};
use http::HeaderValue;
use lambda_protocol::{api_error::ApiError, destination::Condition};
use tokio::{sync::watch, task::JoinSet, time::sleep};
use uuid::Uuid;

use super::{
    config::{self, Configs},
    decision::{self, Attempt, History, Rules, Step},
    envelope::{self, Envelope},
    hold::Hold,
    settlement::{self, Finished, Response, Route, settle},
};
use crate::{
    alarm,
    answer::Answer,
    api,
    environment::Call,
    executions::{self, Executions, start::Start},
    function::{DurableConfig, EventInvokeConfig, Function, RecursiveLoop},
    invoke, observer,
    run::{NotRun, Runner, Traces},
};

/// What an event is run with.
#[derive(Clone, Debug)]
pub(crate) struct Worker {
    pub(crate) queue: EventQueue,
    pub(crate) runner: Runner,
    pub(crate) configs: Arc<Configs>,
    /// `None`: this service keeps none.
    pub(crate) executions: Option<Arc<Executions>>,
}

/// An event in hand.
struct Held {
    leased: Leased,
    envelope: Envelope,
    request_id: Uuid,
    function: Arc<Function>,
    at: usize,
    config: Option<EventInvokeConfig>,
    rules: Rules,
}

impl Worker {
    /// The receiver closes when the worker has ended and nothing of it is left: after the service began to close, or when
    /// the queue has stopped.
    ///
    /// # Panics
    /// Outside a Tokio runtime.
    pub(crate) fn start(self) -> watch::Receiver<()> {
        let (ended, end) = watch::channel(());
        tokio::spawn(async move {
            self.work().await;
            drop(self);
            drop(ended);
        });
        end
    }

    async fn work(&self) {
        let mut due = self.queue.due(&envelope::queue_name());
        let mut closing = self.runner.driver.closing();
        let mut running = JoinSet::new();
        // Asked each time: what is sent back at the end is due again at once.
        while !self.runner.driver.is_closing() {
            while running.try_join_next().is_some() {}
            let next = *due.borrow_and_update();
            let room = MAX_RUNNING.saturating_sub(running.len()).min(self.runner.driver.free());
            let mut wait = next.filter(|_| room > 0).map(|at| self.queue.until(at));
            if wait == Some(Duration::ZERO) {
                match self.lease(room).await {
                    Ok(leased) if leased.is_empty() => wait = Some(EMPTY_PAUSE),
                    Ok(leased) => {
                        for leased in leased {
                            let worker = self.clone();
                            running.spawn(async move { worker.process(leased).await });
                        }
                        continue;
                    }
                    Err(Error::Refused(_)) => wait = Some(REFUSED_PAUSE),
                    Err(error) => {
                        tracing::error!(error = &error as &dyn std::error::Error, "events are no longer run");
                        break;
                    }
                }
            }
            tokio::select! {
                () = closing.begins() => break,
                () = alarm::after(wait) => {}
                changed = due.changed() => if changed.is_err() { break },
                Some(_) = running.join_next() => {}
                () = self.runner.driver.freed.notified(), if room == 0 => {}
            }
        }
        while running.join_next().await.is_some() {}
    }

    async fn lease(&self, rows: usize) -> Result<Vec<Leased>, Error> {
        self.queue.lease(Ask { queue: envelope::queue_name(), rows, span: HOLD.lease }).await
    }

    /// One attempt of one event, and what follows from it.
    async fn process(&self, leased: Leased) {
        let claim = leased.claim();
        let batch = match self.hold(leased) {
            Ok(held) => self.attempt(&held).await,
            Err(reason) => Batch::new().give_up(&claim, &*reason),
        };
        self.submit(&claim, batch).await;
    }

    fn hold(&self, leased: Leased) -> Result<Box<Held>, String> {
        let name = envelope::function_of(&leased.row);
        let envelope = Envelope::read(&leased.content).map_err(|error| error.to_string())?;
        let request_id = envelope.id().map_err(|error| error.to_string())?;
        let qualifier = envelope.qualifier.as_deref();
        let Some(at) = self.runner.functions.place(name, qualifier) else {
            return Err(match qualifier {
                None => format!("there is no function {name}"),
                Some(qualifier) => format!("there is no function {name}:{qualifier}"),
            });
        };
        let function = self.runner.functions.get(at);
        let config = self.configs.of(&config::key(name, qualifier)).config.map(|dated| dated.config);
        let rules = Rules::new(
            config.as_ref().and_then(|config| config.maximum_retry_attempts),
            config.as_ref().and_then(|config| config.maximum_event_age_s),
            self.runner.reserved(name) == Some(0),
            self.runner.driver.settings.wait_scale,
        );
        Ok(Box::new(Held { leased, envelope, request_id, function, at, config, rules }))
    }

    async fn attempt(&self, held: &Held) -> Batch {
        let claim = held.leased.claim();
        let traces = Traces::of_call(
            Some(&held.envelope.trace),
            &held.function.name,
            held.request_id,
            SystemTime::now(),
        );
        let failures = held.leased.row.attempts;
        if let Some(condition) = decision::before(&self.history(held), &held.rules) {
            return self.finish(held, &traces, condition, failures, None);
        }
        let recursive_loop = self.configs.of(&held.function.name).recursive_loop;
        if traces.is_loop && recursive_loop == RecursiveLoop::Terminate {
            let payload = recursion();
            let version = held.function.version;
            let response = Response { status_code: 400, version, failed: false, payload: payload.as_bytes() };
            return self.finish(held, &traces, Condition::RetriesExhausted, failures, Some(response));
        }
        if let Some(config) = held.function.durable {
            return self.start_execution(held, config, &traces).await;
        }
        self.tell(held, observer::Step::Begins { attempt: failures + 1 });
        let outcome = self.run(held, &claim, &traces.function).await;
        let (attempt, answer) = match outcome {
            Ok(answer) if answer.failure.is_some() => (Attempt::Failed, Some(answer)),
            Ok(answer) => (Attempt::Succeeded, Some(answer)),
            Err(NotRun::Throttled(_) | NotRun::Lost) => (Attempt::NotRun, None),
            // Nobody's fault: it runs as soon as there is a service again.
            Err(NotRun::Closed) => return Batch::new().release(&claim, Pause::NONE),
        };
        match (decision::after(attempt, &self.history(held), &held.rules), &answer) {
            (Step::Retry(pause), Some(answer)) => {
                let why = settlement::failure(&answer.payload);
                self.tell(held, observer::Step::Failed { why: &why, pause: pause.at_least });
                Batch::new().fail(&claim, &*why, pause)
            }
            (Step::Retry(pause), None) | (Step::Back(pause), _) => {
                self.tell(held, observer::Step::NoPlace { pause: pause.at_least });
                Batch::new().release(&claim, pause)
            }
            (Step::Finish(condition), answer) => {
                let response = answer.as_ref().map(|Answer { payload, failure, .. }| Response {
                    status_code: 200,
                    version: held.function.version,
                    failed: failure.is_some(),
                    payload,
                });
                let runs = failures + u32::from(answer.is_some());
                self.finish(held, &traces, condition, runs, response)
            }
        }
    }

    /// An event of a durable function's, which a destination has sent, is over once its execution is on the disk. The event's id is
    /// the execution's name: it may be leased twice, and starts one.
    async fn start_execution(&self, held: &Held, config: DurableConfig, traces: &Traces) -> Batch {
        let (claim, function) = (held.leased.claim(), &held.function);
        let started = match (&self.executions, &held.envelope.qualifier) {
            (None, _) => Err(api::executions_unavailable()),
            (Some(_), None) => Err(executions::unqualified()),
            (Some(executions), Some(qualifier)) => {
                let (id, payload) = (&held.envelope.request_id, &held.leased.content.payload);
                let start = Start {
                    name: Some(id.clone()),
                    is_event: true,
                    ..Start::by_call(function, config, qualifier, payload, traces, id)
                };
                executions.start(start).await
            }
        };
        match started {
            Ok(_) => Batch::new().succeed(&claim),
            Err(ApiError { message, .. }) => {
                let request_id = &held.envelope.request_id;
                tracing::warn!(function = function.name, request_id, message, "an event is dead");
                Batch::new().give_up(&claim, &*message)
            }
        }
    }

    /// As a synchronous call would be run; the lease is kept meanwhile.
    async fn run(&self, held: &Held, claim: &Claim, trace: &HeaderValue) -> Result<Answer, NotRun> {
        let qualifier = held.envelope.qualifier.as_deref();
        let call = Call {
            request_id: held.request_id,
            payload: held.leased.content.payload.clone(),
            arn: invoke::invoked_arn(&held.function.name, qualifier, &self.runner.driver.settings),
            trace: trace.clone(),
            client_context: None,
            cognito_identity: None,
            keep_tail: false,
        };
        HOLD.during(&self.queue, claim, self.runner.run(held.at, call)).await
    }

    /// The row's end and what follows from it, in one batch. An event that failed and went nowhere is kept, to be seen.
    fn finish(
        &self,
        held: &Held,
        traces: &Traces,
        condition: Condition,
        runs: u32,
        response: Option<Response<'_>>,
    ) -> Batch {
        let claim = held.leased.claim();
        self.tell(held, observer::Step::Over { condition: condition.as_str() });
        let finished = Finished {
            function: &held.function.name,
            envelope: &held.envelope,
            payload: &held.leased.content.payload,
            condition,
            runs,
            response,
            trace: traces.function.to_str().unwrap_or_default(),
            now: self.queue.now().into(),
        };
        let exists =
            |name: &str, qualifier: Option<&str>| self.runner.functions.place(name, qualifier).is_some();
        let route = Route {
            config: held.config.as_ref(),
            events: &held.function.events,
            settings: &self.runner.driver.settings,
            exists: &exists,
        };
        let settlement = settle(&finished, &route, &mut Uuid::new_v4);
        let went_nowhere = condition != Condition::Success && settlement.rows.is_empty();
        let reason = match &settlement.undelivered[..] {
            [] if went_nowhere => Some(finished.reason()),
            [] => None,
            undelivered => Some(format!("{}; not delivered: {}", finished.reason(), undelivered.join("; "))),
        };
        let batch = match reason {
            None => Batch::new().succeed(&claim),
            Some(reason) => {
                let (function, request_id) = (&held.function.name, &held.envelope.request_id);
                tracing::warn!(function, request_id, reason, "an event is dead");
                Batch::new().give_up(&claim, &*reason)
            }
        };
        settlement.rows.into_iter().fold(batch, Batch::put)
    }

    fn tell(&self, held: &Held, step: observer::Step<'_>) {
        self.runner.driver.settings.tell(held.request_id, &held.function.name, step);
    }

    fn history(&self, held: &Held) -> History {
        let row = &held.leased.row;
        let age = self.queue.now().since(row.created);
        History { failures: row.attempts, releases: row.releases, age }
    }

    /// Until it is durable, or cannot be any more: then the lease ends, and the event runs again.
    async fn submit(&self, claim: &Claim, batch: Batch) {
        loop {
            match self.queue.submit(batch.clone()).await {
                Ok(_) => return,
                Err(Error::Refused(Refusal::Busy | Refusal::Locked | Refusal::DiskFull))
                    if !self.runner.driver.is_closing() =>
                {
                    sleep(REFUSED_PAUSE).await;
                }
                Err(error) => {
                    let id = claim.address.id.as_str();
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        id,
                        "an event's end is not kept"
                    );
                    return;
                }
            }
        }
    }
}

/// What an event is answered with that goes round in circles. The condition and the shape are inferred: AWS tells only that
/// the event goes to the destination for failures and to the dead-letter queue.
fn recursion() -> String {
    let error = ApiError::recursive_invocation();
    let message = serde_json::to_string(&error.message).expect("a text is always JSON");
    format!(r#"{{"errorType":"{}","errorMessage":{message}}}"#, error.code.as_str())
}

/// Two of three extensions may be lost.
const HOLD: Hold = Hold { lease: Duration::from_mins(1), extend_after: Duration::from_secs(20) };

/// Events running at once: their payloads are in memory. Ours; AWS has no such bound.
const MAX_RUNNING: usize = 128;

/// After a lease that found nothing although something was due.
const EMPTY_PAUSE: Duration = Duration::from_millis(20);

/// Before what was refused for want of room or time is asked again.
const REFUSED_PAUSE: Duration = Duration::from_millis(200);
