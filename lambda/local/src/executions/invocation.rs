//! Invocations of durable functions: run as any other call, but for an execution, and again until that is over.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::HeaderValue;
use lambda_durable::{Begun, Due, Effects, ErrorObject, InvocationEnd};
use serde::Deserialize;
use tokio::{sync::OwnedSemaphorePermit, time::sleep};
use uuid::Uuid;

use super::{
    About, Doing, Executions, Failure, WRITE_PAUSE,
    store::{Change, StoreError},
};
use crate::{answer::Answer, environment::Call, invoke, run::NotRun};

/// What is to be done for an execution.
enum Next {
    Invoke {
        about: Box<About>,
        request_id: Uuid,
        begun: Begun,
    },
    /// Whoever waits for its end is told.
    Settle,
    Nothing,
}

impl Executions {
    /// Everything that an execution needs now, until it waits for something.
    pub(super) async fn serve(self: &Arc<Self>, id: &str, place: OwnedSemaphorePermit) {
        // While it is served, it stays in memory.
        let _held = self.cells.hold(id);
        loop {
            match self.next(id).await {
                Ok(Next::Invoke { about, request_id, begun }) => {
                    let Some(end) = self.invoke(&about, request_id, &begun).await else { return };
                    self.end_invocation(id, end).await;
                }
                Ok(Next::Settle) => {
                    drop(place);
                    return self.settle(id).await;
                }
                Ok(Next::Nothing) | Err(Failure::Unknown) => return,
                Err(error) => {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        id,
                        "an execution does not go on"
                    );
                    return sleep(WRITE_PAUSE).await;
                }
            }
        }
    }

    /// What has fallen due happens. One that is over is due when its time on the disk is over, too.
    pub(super) async fn tick(self: &Arc<Self>, id: &str) {
        let ticked = self.change(id, |doing| {
            let Doing { about, execution, is_settled, now, .. } = doing;
            let end = execution.end.as_ref().filter(|_| *is_settled);
            let is_over = end.is_some_and(|end| about.kept_until(end.at) <= now);
            Ok((is_over, execution.tick(now)))
        });
        match ticked.await {
            Ok(false) | Err(Failure::Unknown) => {}
            Ok(true) => match self.remove(id).await {
                Ok(()) => {}
                Err(error) => {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        id,
                        "an execution is not removed"
                    );
                    sleep(WRITE_PAUSE).await;
                }
            },
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    id,
                    "an execution's time does not go on"
                );
                sleep(WRITE_PAUSE).await;
            }
        }
    }

    async fn next(self: &Arc<Self>, id: &str) -> Result<Next, Failure> {
        self.change(id, |doing| {
            let Doing { about, execution, is_settled, runs_here, is_settling, now } = doing;
            let mut effects = Effects::default();
            if execution.is_running() && !*runs_here {
                effects = effects.then(execution.end_invocation(InvocationEnd::Lost, now));
            }
            effects = effects.then(execution.tick(now));
            let next = match execution.due(now) {
                Due::Invoke => {
                    let request_id = Uuid::new_v4();
                    let begun = execution.begin_invocation(&request_id.to_string(), now);
                    *runs_here = true;
                    Next::Invoke { about: Box::new(about.clone()), request_id, begun }
                }
                Due::Over if !*is_settled && !*is_settling => {
                    *is_settling = true;
                    Next::Settle
                }
                Due::Over | Due::At(_) => Next::Nothing,
            };
            Ok((next, effects))
        })
        .await
    }

    /// `None`: the service is closing; the invocation is found again at the next start.
    async fn invoke(&self, about: &About, request_id: Uuid, begun: &Begun) -> Option<InvocationEnd> {
        let (version, settings) = (about.version.to_string(), &self.runner.driver.settings);
        let Some(at) = self.runner.functions.place(&about.function, Some(&version)) else {
            let text = format!("Function not found: {}", about.version_arn(settings));
            return Some(InvocationEnd::FunctionGone(ErrorObject::new("ResourceNotFoundException", text)));
        };
        let call = Call {
            request_id,
            payload: begun.event.to_string().into(),
            arn: invoke::invoked_arn(&about.function, Some(&about.qualifier), settings),
            trace: HeaderValue::from_str(&about.trace).unwrap_or_else(|_| HeaderValue::from_static("")),
            client_context: None,
            cognito_identity: None,
            keep_tail: false,
        };
        match self.runner.run_within(at, &call, PATIENCE).await {
            Ok(Answer { payload, failure: None, .. }) => Some(InvocationEnd::Answered(payload.into())),
            Ok(Answer { payload, failure: Some(_), .. }) => {
                Some(InvocationEnd::Failed(error_object(&payload)))
            }
            Err(NotRun::Closed) => None,
            Err(NotRun::Throttled(_)) => Some(self.not_run(THROTTLED_PAUSE)),
            Err(NotRun::Lost) => Some(self.not_run(LOST_PAUSE)),
        }
    }

    fn not_run(&self, pause: Duration) -> InvocationEnd {
        let pause = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        InvocationEnd::NotRun { again: self.now().plus_ms(pause) }
    }

    /// Until it is durable, or the service closes.
    async fn end_invocation(self: &Arc<Self>, id: &str, end: InvocationEnd) {
        self.until_written(id, || {
            let end = end.clone();
            self.change(id, |doing| {
                *doing.runs_here = false;
                Ok(((), doing.execution.end_invocation(end, doing.now)))
            })
        })
        .await;
    }

    /// Of an execution that is over, nothing stays.
    ///
    /// # Errors
    /// All of it is still there.
    pub(crate) async fn remove(&self, id: &str) -> Result<(), StoreError> {
        let held = self.cells.hold(id);
        let mut turn = held.cell().turn.lock().await;
        self.store.write(vec![Change::Delete { execution: id.to_owned() }]).await?;
        turn.loaded = None;
        Ok(())
    }
}

/// A function's error payload as durable functions tell errors.
pub(super) fn error_object(payload: &Bytes) -> ErrorObject {
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "camelCase", default)]
    struct Payload {
        error_type: Option<String>,
        error_message: Option<String>,
        error_data: Option<String>,
        #[serde(alias = "trace")]
        stack_trace: Option<Vec<String>>,
    }
    let Payload { error_type, error_message, error_data, stack_trace } =
        serde_json::from_slice(payload).unwrap_or_default();
    ErrorObject { error_message, error_type, error_data, stack_trace }
}

/// How long an execution holds one of the [places](super::MAX_RUNNING) of all while its function has none for it. Ours.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);

/// Before it asks again for what it did not get: others that wait come first. Ours.
const THROTTLED_PAUSE: Duration = Duration::from_millis(50);

/// Before a function is run again that the service could not run. Ours.
pub(super) const LOST_PAUSE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_payload_of_any_language_is_an_error_object() {
        let check = |payload: &'static str, lines: &[&str]| {
            let error = error_object(&Bytes::from_static(payload.as_bytes()));
            assert_eq!(error.error_type.as_deref(), Some("E"), "{payload}");
            assert_eq!(error.stack_trace.unwrap_or_default(), lines, "{payload}");
        };
        check(r#"{"errorType":"E","errorMessage":"m","trace":["a"]}"#, &["a"]);
        check(r#"{"errorType":"E","errorMessage":"m","stackTrace":["a","b"],"requestId":"1"}"#, &["a", "b"]);
        check(r#"{"errorType":"E"}"#, &[]);
    }

    #[test]
    fn a_payload_that_is_none_is_an_error_without_words() {
        assert_eq!(error_object(&Bytes::from_static(b"[")), ErrorObject::default());
    }
}
