//! Functions that executions invoke, and how their ends come back.
//!
//! A durable function becomes an execution of its own, on the disk together with the checkpoint that asked for it. Any other is run
//! beside its caller, again if this process ends before it does.

use std::{sync::Arc, time::SystemTime};

use http::HeaderValue;
use lambda_durable::{Child, ChildEnd, Effects, End, ErrorObject, Moment, Outcome, Resolved};
use lambda_protocol::{
    api_error::{ApiError, ErrorCode, ThrottleReason},
    function::{FunctionRef, Qualifier},
};
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::{
    About, Executions, Failure,
    about::{Parent, execution_arn, name_and_id},
    cell::Loaded,
    invocation::{LOST_PAUSE, PATIENCE, error_object},
    start::{Start, new_id},
    store::{Change, StoreError},
};
use crate::{
    answer::Answer,
    environment::Call,
    function::{DurableConfig, Version},
    functions::check_place,
    invoke,
    run::{NotRun, Traces},
    settings::Settings,
};

/// What follows from a checkpoint that invokes a function.
pub(super) enum Followed {
    /// An execution has begun.
    Started { id: String, due: u64 },
    /// The function is to be run.
    Run(Run),
}

/// A function that is not durable, invoked by an execution.
pub(super) struct Run {
    execution: String,
    trace: String,
    child: Child,
}

/// What a name leads to.
struct Target {
    at: usize,
    name: String,
    qualifier: Option<String>,
    version: Version,
    durable: Option<DurableConfig>,
}

impl Target {
    /// What begins if it is invoked now.
    fn begins(&self, settings: &Settings) -> lambda_durable::Target {
        let version = self.version.to_string();
        let execution_arn = self.durable.map(|_| {
            let name = Uuid::new_v4().to_string();
            execution_arn(&self.name, &version, &name, &new_id(), settings)
        });
        lambda_durable::Target { version: Some(version), execution_arn }
    }
}

impl Executions {
    /// Whether a function may be invoked under this name. Source of the texts: `reference/durable.md` 3; that of a function
    /// without places is Lambda's for any call.
    pub(crate) fn resolve(&self, text: &str) -> Resolved {
        match self.target(text) {
            Ok(target) => Resolved::Found(target.begins(&self.runner.driver.settings)),
            Err(resolved) => resolved,
        }
    }

    fn target(&self, text: &str) -> Result<Target, Resolved> {
        let refused = |error: ApiError| Resolved::Refused(error.message);
        let settings = &self.runner.driver.settings;
        let meant = FunctionRef::parse(text).map_err(refused)?;
        let qualifier = meant.qualifier.as_ref().map(Qualifier::as_str);
        check_place(&meant, qualifier, settings).map_err(refused)?;
        let Some(at) = self.runner.functions.place(&meant.name, qualifier) else {
            let error = ErrorObject::new("ResourceNotFoundException", format!("Function not found: {text}."));
            return Err(Resolved::Fails(error));
        };
        let function = self.runner.functions.get(at);
        let fails = |error: ApiError| Resolved::Fails(ErrorObject::new(error.code.as_str(), error.message));
        if function.durable.is_some() && qualifier.is_none() {
            return Err(fails(unqualified()));
        }
        if self.runner.driver.reserved(at) == Some(0) {
            let reason = ThrottleReason::ReservedFunctionConcurrentInvocationLimitExceeded;
            return Err(fails(ApiError::throttled(reason)));
        }
        let qualifier = qualifier.map(str::to_owned);
        let (version, durable) = (function.version, function.durable);
        Ok(Target { at, name: meant.name, qualifier, version, durable })
    }

    /// What follows from a transition, as changes of the disk and as what is to be done after them.
    pub(super) fn follow(
        &self,
        parent: &Loaded,
        effects: &Effects,
        changes: &mut Vec<Change>,
        now: Moment,
    ) -> Result<Vec<Followed>, StoreError> {
        let follow = |child: &Child| {
            let execution = parent.about.id.clone();
            let operation = child.operation.clone();
            match self.target(&child.function) {
                Ok(Target { name, qualifier, version, durable: Some(config), .. }) => {
                    let (name_of_it, id) = child.execution_arn.as_deref().and_then(name_and_id).unzip();
                    let start = Start {
                        trace: self.trace(&parent.about, &name),
                        function: name,
                        version,
                        qualifier: qualifier.unwrap_or_else(|| version.to_string()),
                        config,
                        name: name_of_it.map(str::to_owned),
                        id: id.map(str::to_owned),
                        input: child.input.clone(),
                        request_id: Uuid::new_v4().to_string(),
                        parent: Some(Parent { execution, operation }),
                        is_event: false,
                    };
                    let (about, change, due) = self.begin_execution(start, now)?;
                    changes.push(change);
                    Ok(Followed::Started { id: about.id, due })
                }
                // Not there any more since it was asked for: it fails where it is run.
                Ok(Target { durable: None, .. }) | Err(_) => {
                    changes.push(Change::Calls { execution: execution.clone(), operation });
                    let trace = parent.about.trace.clone();
                    Ok(Followed::Run(Run { execution, trace, child: child.clone() }))
                }
            }
        };
        effects.children.iter().map(follow).collect()
    }

    /// What [`follow`](Self::follow) has said, once it is on the disk.
    pub(super) fn go_on(self: &Arc<Self>, followed: Followed) {
        match followed {
            Followed::Started { id, due } => self.ring(&id, due),
            Followed::Run(run) => {
                let executions = Arc::clone(self);
                tokio::spawn(async move { executions.run(run).await });
            }
        }
    }

    /// What was being run when the last process ended is run again.
    pub(super) async fn run_again(self: &Arc<Self>) -> Result<(), Failure> {
        for (execution, operation) in self.store.calls().await? {
            let found = self.look(&execution, |about, execution| {
                let child = execution.open_children().find(|child| child.operation == operation)?;
                Some((about.trace.clone(), child))
            });
            match found.await {
                Ok(Some((trace, child))) => self.go_on(Followed::Run(Run { execution, trace, child })),
                // Nobody waits for it any more.
                Ok(None) | Err(Failure::Unknown) => {
                    self.store.write(vec![Change::CallIsOver { execution, operation }]).await?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn run(self: &Arc<Self>, run: Run) {
        let Run { execution, trace, child } = run;
        let Ok(_place) = self.chained.acquire().await else { return };
        let Some(end) = self.end_of_run(&trace, &child).await else { return };
        self.child_ended(&execution, &child.operation, end).await;
    }

    /// `None`: the service is closing.
    async fn end_of_run(&self, trace: &str, child: &Child) -> Option<ChildEnd> {
        let failed = |error: ApiError| ChildEnd::Failed(ErrorObject::new(error.code.as_str(), error.message));
        loop {
            let target = match self.target(&child.function) {
                Ok(target) => target,
                Err(Resolved::Fails(error)) => return Some(ChildEnd::Failed(error)),
                Err(Resolved::Refused(text)) => {
                    return Some(failed(ApiError::new(ErrorCode::InvalidParameterValue, text)));
                }
                Err(Resolved::Found(_)) => return None,
            };
            let settings = &self.runner.driver.settings;
            let request_id = Uuid::new_v4();
            let traces = Traces::of_call(Some(trace), &target.name, request_id, SystemTime::now());
            let call = Call {
                request_id,
                payload: child.input.clone().into(),
                arn: invoke::invoked_arn(&target.name, target.qualifier.as_deref(), settings),
                trace: traces.function,
                client_context: None,
                cognito_identity: None,
                keep_tail: false,
            };
            match self.runner.run(target.at, call).await {
                Ok(Answer { payload, failure: None, .. }) => {
                    return Some(ChildEnd::Succeeded(String::from_utf8_lossy(&payload).into_owned()));
                }
                Ok(Answer { payload, failure: Some(_), .. }) => {
                    return Some(ChildEnd::Failed(error_object(&payload)));
                }
                // The function's own bound is its owner's word: who is over it is told so.
                Err(NotRun::Throttled(
                    reason @ ThrottleReason::ReservedFunctionConcurrentInvocationLimitExceeded,
                )) => return Some(failed(ApiError::throttled(reason))),
                Err(NotRun::Throttled(_)) => {
                    if let Some(turn) = self.runner.driver.stand_in_line(target.at) {
                        // Then the target is looked up anew: it may be another one.
                        let _ = timeout(PATIENCE, turn).await;
                    }
                }
                Err(NotRun::Lost) => sleep(LOST_PAUSE).await,
                Err(NotRun::Closed) => return None,
            }
        }
    }

    /// Until it is durable, or the service closes.
    async fn child_ended(self: &Arc<Self>, execution: &str, operation: &str, end: ChildEnd) {
        self.until_written(execution, || {
            let (operation, end) = (operation.to_owned(), end.clone());
            let is_over =
                Change::CallIsOver { execution: execution.to_owned(), operation: operation.clone() };
            self.change_with(execution, vec![is_over], move |doing| {
                Ok(((), doing.execution.child_ended(&operation, end, doing.now)))
            })
        })
        .await;
    }

    /// An execution is over: whoever waits for it is told.
    pub(super) async fn settle(self: &Arc<Self>, id: &str) {
        let held = self.cells.hold(id);
        let end = self.look(id, |about, execution| {
            let End { how, .. } = execution.end.clone()?;
            Some((about.parent.clone()?, child_end(about, how)))
        });
        if let Ok(Some((Parent { execution, operation }, end))) = end.await {
            self.child_ended(&execution, &operation, end).await;
        }
        self.announce(id).await;
        self.until_written(id, || {
            self.change(id, |doing| {
                *doing.is_settled = true;
                Ok(((), Effects::default()))
            })
        })
        .await;
        held.cell().turn.lock().await.is_settling = false;
    }

    /// Likewise, at once, whoever has the execution in hand.
    pub(super) fn begin_to_settle(self: &Arc<Self>, id: &str) {
        let (executions, id) = (Arc::clone(self), id.to_owned());
        tokio::spawn(async move { executions.settle(&id).await });
    }

    fn trace(&self, parent: &About, function: &str) -> String {
        let traces = Traces::of_call(Some(&parent.trace), function, Uuid::new_v4(), SystemTime::now());
        HeaderValue::to_str(&traces.function).unwrap_or_default().to_owned()
    }
}

/// A durable function is called by its plain name. Source: Lambda's documentation on invoking durable functions.
pub(crate) fn unqualified() -> ApiError {
    let text = "You cannot invoke a durable function using an unqualified ARN.";
    ApiError::new(ErrorCode::InvalidParameterValue, text)
}

fn child_end(about: &About, how: Outcome) -> ChildEnd {
    match how {
        Outcome::Succeeded(result) => ChildEnd::Succeeded(result),
        Outcome::Failed(error) => ChildEnd::Failed(error),
        Outcome::TimedOut => ChildEnd::TimedOut(about.timed_out()),
        Outcome::Stopped(error) => ChildEnd::Stopped(error),
    }
}
