//! `step.run`: a body that is run once.

use std::{
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use lambda_durable::{Action, OperationType, OperationUpdate, Status, StepOptions};
use serde::{Serialize, de::DeserializeOwned};

use super::{
    identity::{self, Claim},
    lazy::Lazy,
    pauses,
    payload::{self, STEP_RESULT_BYTES},
    session::Session,
    step_error::StepError,
};
use crate::{Error, panics::caught};

/// A step with a body: [`Step::run`](super::Step::run). To be awaited.
#[must_use = "a step does nothing unless it is awaited"]
pub struct Run<'a, T, F>(Lazy<'a, Plan<F>, Result<T, StepError>>);

struct Plan<F> {
    session: Rc<Session>,
    claim: Claim,
    retries: u32,
    body: F,
}

impl<T, F> Run<'_, T, F> {
    pub(crate) fn new(session: Rc<Session>, claim: Claim, body: F) -> Self {
        Self(Lazy::new(Plan { session, claim, retries: RETRIES, body }))
    }

    /// How often the body is run again where it fails: 4 times, if nothing is said. Before that Lambda waits for 1 s, 5 s,
    /// 30 s, 2 min, 10 min, 30 min, and then for an hour each time; nothing runs meanwhile.
    pub fn retries(self, retries: u32) -> Self {
        Self(self.0.with(|plan| plan.retries = retries))
    }
}

/// It is never pinned itself: what it runs lies in a box.
impl<T, F> Unpin for Run<'_, T, F> {}

impl<'a, T, F> Future for Run<'a, T, F>
where
    F: AsyncFnMut() -> Result<T, Error> + 'a,
    T: Serialize + DeserializeOwned + 'a,
{
    type Output = Result<T, StepError>;

    fn poll(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll(task, run)
    }
}

async fn run<T, F>(plan: Plan<F>) -> Result<T, StepError>
where
    F: AsyncFnMut() -> Result<T, Error>,
    T: Serialize + DeserializeOwned,
{
    let Plan { session, claim, retries, mut body } = plan;
    let mut told = session.begin(&claim, &[(OperationType::Step, identity::RUN)]).await?;
    loop {
        let mut said = None;
        // Started: the process died before it could tell the end.
        if told.as_ref().is_none_or(|told| matches!(told.status, Some(Status::Ready | Status::Started))) {
            let attempts = told.as_ref().map_or(0, |told| told.attempt);
            let ended = session.in_body(caught(body())).await;
            said = Some(session.say([update(&claim, ended, attempts, retries)]));
        }
        let settled = session
            .until(|memory| {
                let told = memory.get(&claim.operation)?;
                let is_answered = said.is_none_or(|said| memory.has_answered(said));
                let is_settled = told.is_over() || told.status == Some(Status::Ready);
                (is_answered && is_settled).then(|| told.clone())
            })
            .await;
        match settled.status {
            Some(Status::Succeeded) => return payload::decode(&claim.id, settled.result.as_deref()),
            Some(Status::Ready) => told = Some(settled),
            _ => return Err(StepError::of_run(&claim.id, settled.error.unwrap_or_default())),
        }
    }
}

/// What the journal is told of an attempt, after so many others.
fn update<T: Serialize>(
    claim: &Claim,
    ended: Result<T, Error>,
    attempts: u32,
    retries: u32,
) -> OperationUpdate {
    let update = |action| OperationUpdate {
        name: claim.name(),
        sub_type: Some(identity::RUN.to_owned()),
        ..OperationUpdate::new(&*claim.operation, OperationType::Step, action)
    };
    let ended = ended.and_then(|value| Ok(payload::encode(&claim.id, &value, STEP_RESULT_BYTES)?));
    match ended {
        Ok(result) => OperationUpdate { payload: Some(result), ..update(Action::Succeed) },
        Err(error) if error.is_retriable() && attempts < retries => {
            tracing::warn!("step {:?} is tried again: {error:?}", claim.id);
            let next_attempt_delay_seconds = pauses::before_next(attempts + 1);
            OperationUpdate {
                error: Some(error.to_object()),
                step_options: Some(StepOptions { next_attempt_delay_seconds }),
                ..update(Action::Retry)
            }
        }
        Err(error) => OperationUpdate { error: Some(error.to_object()), ..update(Action::Fail) },
    }
}

/// As Inngest has it: five attempts.
const RETRIES: u32 = 4;
