//! An invocation that has a limit of its own, which Lambda's wire has no word for: a context around the invocation and a
//! timer. Whichever ends first is written down as the context's own end, and that is the verdict, for good.

use lambda_durable::{
    Action, ContextOptions, ErrorObject, OperationType, OperationUpdate, Status, Told, WaitOptions,
};

use super::{fault::fitting, identity, invoke::Call, payload::STEP_RESULT_BYTES, step_error::StepError};

/// What the function has returned, as JSON text.
///
/// # Errors
/// It has failed, or its time was over.
pub(crate) async fn run(call: &Call, has_begun: bool) -> Result<Option<String>, StepError> {
    let Call { session, claim, .. } = call;
    let places =
        Places { context: claim.operation.clone(), child: claim.inner("child"), timer: claim.inner("timer") };
    if has_begun {
        // A context that is over keeps to itself what was in it.
        session.check_inner(claim, &places.child, (OperationType::ChainedInvoke, &call.sub_type())).await;
    } else {
        session.say(start(call, &places)?);
    }
    let settled = session
        .until(|memory| {
            if memory.over(&places.context).is_some() {
                return Some(None);
            }
            let (child, timer) = (memory.over(&places.child), memory.over(&places.timer));
            let winner = verdict(child, timer)?;
            Some(Some((winner, child.cloned(), memory.get(&places.timer).cloned())))
        })
        .await;
    // Whatever becomes of the two from here on, it is said.
    if let Some((winner, child, timer)) = settled {
        session.say(settle(call, &places, winner, child, timer));
    }
    session.until(|memory| memory.over(&places.context).map(drop)).await;
    let (context, child) =
        session.look(|memory| (memory.get(&places.context).cloned(), memory.get(&places.child).cloned()));
    let context = context.expect("it was seen just above");
    if context.replay_children
        && let Some(child) = child.filter(Told::is_over)
    {
        return call.outcome(child);
    }
    match (context.status, context.error) {
        (Some(Status::Succeeded), _) => Ok(context.result),
        (_, Some(error)) if error.error_type.as_deref() == Some(StepError::TIMED_OUT) => {
            Err(call.failure(Status::TimedOut, error))
        }
        (_, error) => Err(call.failure(Status::Failed, error.unwrap_or_default())),
    }
}

/// The three operations.
struct Places {
    context: String,
    child: String,
    timer: String,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Winner {
    Child,
    Timer,
}

/// All of it in one checkpoint, so there is no invocation without its timer.
fn start(call: &Call, places: &Places) -> Result<[OperationUpdate; 3], StepError> {
    let wait_seconds = call.timeout_seconds()?;
    let context = OperationUpdate {
        name: call.claim.name(),
        sub_type: Some(identity::TIMED_INVOKE.to_owned()),
        ..OperationUpdate::new(&*places.context, OperationType::Context, Action::Start)
    };
    let timer = OperationUpdate {
        parent_id: Some(places.context.clone()),
        name: call.claim.name(),
        sub_type: Some(identity::TIMER.to_owned()),
        wait_options: Some(WaitOptions { wait_seconds }),
        ..OperationUpdate::new(&*places.timer, OperationType::Wait, Action::Start)
    };
    Ok([context, call.start(&places.child, Some(&places.context))?, timer])
}

/// Of those that are over, which was first. `None`: neither is over.
fn verdict(child: Option<&Told>, timer: Option<&Told>) -> Option<Winner> {
    match (child, timer) {
        (None, None) => None,
        (Some(_), None) => Some(Winner::Child),
        (None, Some(_)) => Some(Winner::Timer),
        // Both are told at once where the function was not invoked meanwhile. What a service does not date has come in time.
        (Some(child), Some(timer)) => match (child.ended, timer.scheduled_end) {
            (Some(ended), Some(limit)) if ended > limit => Some(Winner::Timer),
            _ => Some(Winner::Child),
        },
    }
}

/// The verdict, and with it the end of a timer that nobody needs any more.
fn settle(
    call: &Call,
    places: &Places,
    winner: Winner,
    child: Option<Told>,
    timer: Option<Told>,
) -> Vec<OperationUpdate> {
    let context = |action| OperationUpdate {
        name: call.claim.name(),
        sub_type: Some(identity::TIMED_INVOKE.to_owned()),
        ..OperationUpdate::new(&*places.context, OperationType::Context, action)
    };
    let keep_child = Some(ContextOptions { replay_children: true });
    let Some(child) = child.filter(|_| winner == Winner::Child) else {
        let text =
            format!("{:?} did not end in time; it goes on without anybody waiting for it", call.claim.id);
        let error = Some(ErrorObject::new(StepError::TIMED_OUT, text));
        return vec![OperationUpdate { error, ..context(Action::Fail) }];
    };
    let mut updates = Vec::new();
    if let Some(timer) = timer.filter(|timer| can_be_cancelled(timer, call)) {
        updates.push(OperationUpdate {
            parent_id: Some(places.context.clone()),
            name: call.claim.name(),
            sub_type: Some(identity::TIMER.to_owned()),
            ..OperationUpdate::new(timer.id, OperationType::Wait, Action::Cancel)
        });
    }
    updates.push(match (child.status, child.result, child.error) {
        (Some(Status::Succeeded), result, _) => {
            let is_small = result.as_ref().is_none_or(|text| text.len() <= STEP_RESULT_BYTES);
            let context_options = keep_child.filter(|_| !is_small);
            OperationUpdate {
                payload: result.filter(|_| is_small),
                context_options,
                ..context(Action::Succeed)
            }
        }
        (status, _, error) => {
            let error = fitting(error.unwrap_or_default());
            // The error alone would not say that it was stopped, or whose time was over.
            let is_plain =
                status == Some(Status::Failed) && error.error_type.as_deref() != Some(StepError::TIMED_OUT);
            let context_options = keep_child.filter(|_| !is_plain);
            OperationUpdate { error: Some(error), context_options, ..context(Action::Fail) }
        }
    });
    updates
}

/// Lambda refuses to end a timer that has ended by itself, and all that was said with that. So one whose end is near is left
/// to end: it costs one invocation at most.
fn can_be_cancelled(timer: &Told, call: &Call) -> bool {
    let now = call.session.now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let now_ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
    let is_far = timer.scheduled_end.is_none_or(|end| end.0 > now_ms.saturating_add(NEAR_MS));
    timer.status == Some(Status::Started) && is_far
}

/// Clocks differ, and calls take time.
const NEAR_MS: u64 = 2_000;

#[cfg(test)]
mod tests {
    use lambda_durable::Moment;

    use super::*;

    #[track_caller]
    fn check(child: Option<Option<u64>>, timer: Option<Option<u64>>, expected: Option<Winner>) {
        let child = child.map(|ended| Told { ended: ended.map(Moment), ..Told::default() });
        let timer = timer.map(|end| Told { scheduled_end: end.map(Moment), ..Told::default() });
        assert_eq!(verdict(child.as_ref(), timer.as_ref()), expected, "{child:?} against {timer:?}");
    }

    #[test]
    fn whichever_ends_first_wins_and_a_tie_is_the_childs() {
        check(None, None, None);
        check(Some(Some(9)), None, Some(Winner::Child));
        check(None, Some(Some(9)), Some(Winner::Timer));
        check(Some(Some(8)), Some(Some(9)), Some(Winner::Child));
        check(Some(Some(9)), Some(Some(9)), Some(Winner::Child));
        check(Some(Some(10)), Some(Some(9)), Some(Winner::Timer));
        check(Some(None), Some(Some(9)), Some(Winner::Child));
        check(Some(Some(9)), Some(None), Some(Winner::Child));
    }
}
