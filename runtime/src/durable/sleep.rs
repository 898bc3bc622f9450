//! `step.sleep`: time that passes.

use std::{
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use lambda_durable::{Action, OperationType, OperationUpdate, WaitOptions};

use super::{
    delay::Delay,
    identity::{self, Claim},
    lazy::Lazy,
    session::Session,
    step_error::{StepError, StepErrorKind},
};

/// A step that waits: [`Step::sleep`](super::Step::sleep). To be awaited.
#[must_use = "a step does nothing unless it is awaited"]
pub struct Sleep(Lazy<'static, Plan, Result<(), StepError>>);

struct Plan {
    session: Rc<Session>,
    claim: Claim,
    delay: Delay,
}

impl Sleep {
    pub(crate) fn new(session: Rc<Session>, claim: Claim, delay: Delay) -> Self {
        Self(Lazy::new(Plan { session, claim, delay }))
    }
}

impl Future for Sleep {
    type Output = Result<(), StepError>;

    fn poll(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll(task, sleep)
    }
}

async fn sleep(Plan { session, claim, delay }: Plan) -> Result<(), StepError> {
    let told = session.begin(&claim, &[(OperationType::Wait, identity::SLEEP)]).await?;
    if told.is_none() {
        let seconds = delay.seconds(session.now());
        let wait_seconds = seconds.map_err(|text| StepError::own(&claim.id, StepErrorKind::Invalid, text))?;
        session.say([OperationUpdate {
            name: claim.name(),
            sub_type: Some(identity::SLEEP.to_owned()),
            wait_options: Some(WaitOptions { wait_seconds }),
            ..OperationUpdate::new(&*claim.operation, OperationType::Wait, Action::Start)
        }]);
    }
    session.until(|memory| memory.over(&claim.operation).map(drop)).await;
    Ok(())
}
