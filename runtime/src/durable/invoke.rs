//! `step.invoke`: another function, and what it returns.

use std::{
    marker::PhantomData,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use lambda_durable::{
    Action, ChainedInvokeOptions, ErrorObject, OperationType, OperationUpdate, Status, Told,
    limits::{CHAINED_PAYLOAD_BYTES, DELAY_MAX_S},
};
use serde::{Serialize, de::DeserializeOwned};

use super::{
    delay::Delay,
    function::FunctionName,
    identity::{self, Claim},
    lazy::Lazy,
    payload,
    session::Session,
    step_error::{StepError, StepErrorKind},
    timed_invoke,
};

/// A step that invokes a function: [`Step::invoke`](super::Step::invoke). To be awaited.
#[must_use = "a step does nothing unless it is awaited"]
pub struct Invoke<Out>(Lazy<'static, Call, Result<Out, StepError>>, PhantomData<fn() -> Out>);

/// One invocation, as it was called.
pub(crate) struct Call {
    pub(crate) session: Rc<Session>,
    pub(crate) claim: Claim,
    function: FunctionName,
    /// JSON text.
    input: Result<String, StepError>,
    timeout: Option<Delay>,
}

impl<Out> Invoke<Out> {
    pub(crate) fn new(call: Call) -> Self {
        Self(Lazy::new(call), PhantomData)
    }

    /// How long the function may take: a [`Duration`](std::time::Duration), a [`SystemTime`](std::time::SystemTime) until
    /// which it may, or text such as `1h`; see [`Delay`]. It counts from the moment in which the invocation is first sent,
    /// and nothing shortens or lengthens it later.
    ///
    /// If nothing is said, nothing but the executions' own limits ends the wait: Lambda's longest is a year and a day.
    pub fn timeout(self, timeout: impl Into<Delay>) -> Self {
        let timeout = timeout.into();
        Self(self.0.with(|call| call.timeout = Some(timeout)), PhantomData)
    }
}

impl<Out: DeserializeOwned + 'static> Future for Invoke<Out> {
    type Output = Result<Out, StepError>;

    fn poll(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll(task, invoke)
    }
}

async fn invoke<Out: DeserializeOwned>(call: Call) -> Result<Out, StepError> {
    let (session, claim) = (&call.session, &call.claim);
    let sub_type = call.sub_type();
    let expected =
        [(OperationType::ChainedInvoke, &*sub_type), (OperationType::Context, identity::TIMED_INVOKE)];
    let told = session.begin(claim, &expected).await?;
    // What has been started goes on as it was started, even if the code has another mind about the timeout by now.
    let is_timed = match &told {
        Some(told) => told.operation_type == Some(OperationType::Context),
        None => call.timeout.is_some(),
    };
    if is_timed {
        let result = timed_invoke::run(&call, told.is_some()).await?;
        return payload::decode(&claim.id, result.as_deref());
    }
    if told.is_none() {
        session.say([call.start(&claim.operation, None)?]);
    }
    let told = session.until(|memory| memory.over(&claim.operation).cloned()).await;
    payload::decode(&claim.id, call.outcome(told)?.as_deref())
}

impl Call {
    pub(crate) fn new(
        session: Rc<Session>,
        claim: Claim,
        function: FunctionName,
        input: &impl Serialize,
    ) -> Self {
        let input = payload::encode(&claim.id, input, CHAINED_PAYLOAD_BYTES);
        Self { session, claim, function, input, timeout: None }
    }

    /// Says whom it invokes.
    pub(crate) fn sub_type(&self) -> String {
        identity::invoke_sub_type(&self.function.to_string())
    }

    /// # Errors
    /// The timeout is none.
    pub(crate) fn timeout_seconds(&self) -> Result<u64, StepError> {
        let Some(timeout) = &self.timeout else { return Ok(DELAY_MAX_S) };
        timeout.seconds(self.session.now()).map_err(|text| self.invalid(format!("timeout: {text}")))
    }

    /// # Errors
    /// It cannot be sent.
    pub(crate) fn start(&self, operation: &str, parent: Option<&str>) -> Result<OperationUpdate, StepError> {
        let function_name = self.session.resolver.target(self.function).map_err(|text| self.invalid(text))?;
        Ok(OperationUpdate {
            parent_id: parent.map(str::to_owned),
            name: self.claim.name(),
            sub_type: Some(self.sub_type()),
            payload: Some(self.input.clone()?),
            chained_invoke_options: Some(ChainedInvokeOptions { function_name, tenant_id: None }),
            ..OperationUpdate::new(operation, OperationType::ChainedInvoke, Action::Start)
        })
    }

    /// What an invocation that is over has given.
    ///
    /// # Errors
    /// It has failed.
    pub(crate) fn outcome(&self, told: Told) -> Result<Option<String>, StepError> {
        match told.status {
            Some(Status::Succeeded) => Ok(told.result),
            Some(status) => Err(self.failure(status, told.error.unwrap_or_default())),
            None => unreachable!("it is over"),
        }
    }

    /// With what may have been meant, where there is no such function.
    pub(crate) fn failure(&self, status: Status, error: ErrorObject) -> StepError {
        let target = self.session.resolver.target(self.function).unwrap_or_default();
        let mut error = StepError::of_invoke(&self.claim.id, status, error, &target);
        if error.is_not_found() {
            let id = self.function.to_string();
            let near: Vec<_> =
                self.session.resolver.near(&id).into_iter().map(|near| format!("{near:?}")).collect();
            if !near.is_empty() {
                error.message = format!("{} Did you mean {}?", error.message, near.join(" or "));
            }
        }
        error
    }

    fn invalid(&self, text: String) -> StepError {
        StepError::own(&self.claim.id, StepErrorKind::Invalid, text)
    }
}
