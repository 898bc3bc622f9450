//! How executions begin, and how their ends are waited for.

use std::sync::Arc;

use bytes::Bytes;
use lambda_durable::{End, ErrorObject, Execution, Moment, Outcome};
use lambda_protocol::api_error::{ApiError, ErrorCode};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{
    About, Executions,
    about::Parent,
    cell::Loaded,
    saved,
    store::{Change, New, StoreError},
};
use crate::{
    answer::{Answer, Failure},
    function::{DurableConfig, Function, Version},
    run::{NotRun, Traces},
};

/// An execution that is to begin.
#[derive(Clone, Debug)]
pub(crate) struct Start {
    pub(crate) function: String,
    pub(crate) version: Version,
    pub(crate) qualifier: String,
    pub(crate) config: DurableConfig,
    /// `None`: it gets one that nobody has.
    pub(crate) name: Option<String>,
    /// `None`: likewise. A UUID.
    pub(crate) id: Option<String>,
    /// JSON text.
    pub(crate) input: String,
    pub(crate) trace: String,
    pub(crate) request_id: String,
    pub(crate) parent: Option<Parent>,
    pub(crate) is_event: bool,
}

impl Start {
    /// By a call of `function` that nobody has named, and whose caller waits.
    pub(crate) fn by_call(
        function: &Function,
        config: DurableConfig,
        qualifier: &str,
        payload: &[u8],
        traces: &Traces,
        request_id: &str,
    ) -> Self {
        Self {
            function: function.name.clone(),
            version: function.version,
            qualifier: qualifier.to_owned(),
            config,
            name: None,
            id: None,
            input: String::from_utf8_lossy(payload).into_owned(),
            trace: traces.function.to_str().unwrap_or_default().to_owned(),
            request_id: request_id.to_owned(),
            parent: None,
            is_event: false,
        }
    }
}

impl Executions {
    /// Begins an execution; durable when this returns. One that has the same name and input is that one.
    ///
    /// # Errors
    /// The name is another's, or nothing could be written.
    pub(crate) async fn start(self: &Arc<Self>, start: Start) -> Result<About, ApiError> {
        // Nobody else looks for the name meanwhile.
        let _naming = match &start.name {
            Some(_) => Some(self.naming.lock().await),
            None => None,
        };
        if let Some(name) = &start.name
            && let Some(kept) = self.store.named(&start.function, name).await?
        {
            return if kept.input == start.input {
                serde_json::from_str(&kept.about).map_err(|error| ApiError::service(&error))
            } else {
                let text = format_args!("The durable execution {name} was started with another payload.");
                Err(ApiError::new(ErrorCode::DurableExecutionAlreadyStarted, text))
            };
        }
        let (about, change, due) = self.begin_execution(start, self.now())?;
        self.store.write(vec![change]).await?;
        self.ring(&about.id, due);
        Ok(about)
    }

    /// The rows of a new execution.
    pub(super) fn begin_execution(
        &self,
        start: Start,
        now: Moment,
    ) -> Result<(About, Change, u64), StoreError> {
        let Start {
            function,
            version,
            qualifier,
            config,
            name,
            id,
            input,
            trace,
            request_id,
            parent,
            is_event,
        } = start;
        let id = id.unwrap_or_else(new_id);
        let name = name.unwrap_or_else(|| Uuid::new_v4().to_string());
        let about =
            About { id, name, function, version, qualifier, config, trace, request_id, parent, is_event };
        let new = about.new_execution(input.clone(), &self.runner.driver.settings);
        let (execution, effects) = Execution::start(new, now);
        let written =
            serde_json::to_string(&about).map_err(|error| StoreError::Broken(error.to_string().into()))?;
        let new = New {
            function: about.function.clone(),
            version: version.to_string(),
            name: about.name.clone(),
            started: now.0,
            about: written,
            input,
        };
        let loaded = Loaded { about, execution, is_settled: false };
        let (change, due) = saved(&loaded, &effects, Some(new), now)?;
        Ok((loaded.about, change, due))
    }

    /// Waits for an execution's end: what whoever has called is answered. The future may be dropped.
    ///
    /// # Errors
    /// As with [`end_of`](Self::end_of).
    pub(crate) async fn answer_of(&self, about: &About) -> Result<Answer, ApiError> {
        let (payload, failed) = answer(about, self.end_of(&about.id).await?);
        let failure = failed.then(|| Failure::posted(&payload, None));
        Ok(Answer { payload, failure, log_result: None })
    }

    /// Waits for an execution's end. The future may be dropped.
    ///
    /// # Errors
    /// It is gone, or cannot be read, or the service shuts down; then it goes on at the next start.
    pub(crate) async fn end_of(&self, id: &str) -> Result<End, ApiError> {
        // Held from here on, so that the end is heard of.
        let held = self.cells.hold(id);
        let mut is_over = held.cell().is_over.subscribe();
        let mut closing = self.runner.driver.closing();
        loop {
            let end = self.look(id, |_, execution| execution.end.clone()).await;
            if let Some(end) = end.map_err(|failure| ApiError::service(&failure))? {
                return Ok(end);
            }
            tokio::select! {
                _ = is_over.wait_for(|is_over| *is_over) => {}
                () = closing.begins() => return Err(NotRun::Closed.into()),
            }
        }
    }
}

/// What whoever has waited for an execution is answered, and whether that is an error. The words for a time that was over are ours.
fn answer(about: &About, end: End) -> (Bytes, bool) {
    let error = match end.how {
        Outcome::Succeeded(result) if result.is_empty() => return (Bytes::from_static(b"null"), false),
        Outcome::Succeeded(result) => return (result.into(), false),
        Outcome::Failed(error) | Outcome::Stopped(error) => error,
        Outcome::TimedOut => {
            let text = format!("The execution timed out after {} seconds.", about.config.execution_timeout_s);
            ErrorObject::new("Execution.TimedOut", text)
        }
    };
    let ErrorObject { error_type, error_message, error_data, stack_trace } = error;
    let mut payload = Map::new();
    for (name, text) in
        [("errorType", error_type), ("errorMessage", error_message), ("errorData", error_data)]
    {
        payload.extend(text.map(|text| (name.to_owned(), text.into())));
    }
    payload.extend(stack_trace.map(|lines| ("stackTrace".to_owned(), lines.into())));
    (Value::Object(payload).to_string().into(), true)
}

/// Source: `reference/lambda-service.md` 6.2.
pub(crate) fn too_long_to_await() -> ApiError {
    let text = "You cannot synchronously invoke a durable function with an executionTimeout greater than 15 minutes.";
    ApiError::new(ErrorCode::InvalidParameterValue, text)
}

/// Those of later executions sort behind those of earlier ones.
pub(super) fn new_id() -> String {
    Uuid::now_v7().to_string()
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        tracing::error!(error = &error as &dyn std::error::Error, "an execution was not written or read");
        Self::service(&error)
    }
}
