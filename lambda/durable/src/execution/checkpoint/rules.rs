//! The rules of updates, as AWS's own runner has them, with its texts.

use std::collections::HashMap;

use crate::{
    error::{ErrorObject, Refusal},
    execution::{Execution, Host, Resolved},
    limits::{
        CHAINED_PAYLOAD_BYTES, DELAY_MAX_S, ERROR_BYTES, ID_CHARS, NAME_CHARS, PAYLOAD_BYTES, SUB_TYPE_CHARS,
    },
    operation::{Operation, OperationType, Status},
    time::Moment,
    update::{Action, OperationUpdate},
};

/// How an operation stands before an update: as it is once everything due has happened, or as earlier updates of the same
/// checkpoint leave it.
#[derive(Clone, Copy)]
struct Standing<'a> {
    operation_type: OperationType,
    status: Status,
    name: Option<&'a str>,
    sub_type: Option<&'a str>,
    parent: Option<&'a str>,
}

/// # Errors
/// The first rule that is broken.
pub(super) fn check(
    execution: &Execution,
    updates: &[OperationUpdate],
    host: &Host<'_>,
    now: Moment,
) -> Result<(), Refusal> {
    let known_before = |id: &str| execution.find(id).map(|operation| standing(operation, now));
    let ends = updates.iter().filter(|update| update.operation_type == OperationType::Execution).count();
    if ends > 1 {
        return Err(Refusal::invalid("Cannot checkpoint multiple EXECUTION updates."));
    }
    if ends == 1 && updates.last().is_some_and(|last| last.operation_type != OperationType::Execution) {
        return Err(Refusal::invalid("EXECUTION checkpoint must be the last update."));
    }
    let mut begun: HashMap<&str, Standing<'_>> = HashMap::new();
    let mut met: HashMap<&str, Action> = HashMap::new();
    for update in updates {
        check_shape(update)?;
        check_payloads(update)?;
        if update.operation_type == OperationType::Execution {
            require(
                matches!(update.action, Action::Succeed | Action::Fail),
                "Invalid action for the given operation type.",
            )?;
            continue;
        }
        let is_pair = |first: Action| {
            first == Action::Start
                && update.action != Action::Start
                && matches!(update.operation_type, OperationType::Step | OperationType::Context)
        };
        if met.insert(&update.id, update.action).is_some_and(|first| !is_pair(first)) {
            return Err(Refusal::invalid("Cannot checkpoint multiple operations with the same ID."));
        }
        let known = begun.get(&*update.id).copied().or_else(|| known_before(&update.id));
        check_identity(update, known)?;
        if let Some(parent) = &update.parent_id {
            let known = begun.get(&**parent).copied().or_else(|| known_before(parent));
            let is_context = known.is_some_and(|known| known.operation_type == OperationType::Context);
            require(is_context, "Invalid parent operation id.")?;
        }
        check_action(update, known.map(|known| known.status))?;
        check_target(update, host)?;
        begun.insert(&update.id, after(update, known));
    }
    Ok(())
}

fn standing(operation: &Operation, now: Moment) -> Standing<'_> {
    Standing {
        operation_type: operation.operation_type(),
        status: operation.status_at(now),
        name: operation.name.as_deref(),
        sub_type: operation.sub_type.as_deref(),
        parent: operation.parent.as_deref(),
    }
}

fn after<'a>(update: &'a OperationUpdate, known: Option<Standing<'a>>) -> Standing<'a> {
    let status = match update.action {
        Action::Start => Status::Started,
        Action::Succeed => Status::Succeeded,
        Action::Fail => Status::Failed,
        Action::Retry => Status::Pending,
        Action::Cancel => Status::Cancelled,
    };
    Standing {
        operation_type: update.operation_type,
        status,
        name: update.name.as_deref().or_else(|| known.and_then(|known| known.name)),
        sub_type: update.sub_type.as_deref().or_else(|| known.and_then(|known| known.sub_type)),
        parent: update.parent_id.as_deref().or_else(|| known.and_then(|known| known.parent)),
    }
}

/// A target that is none, or elsewhere.
fn check_target(update: &OperationUpdate, host: &Host<'_>) -> Result<(), Refusal> {
    let Some(options) = &update.chained_invoke_options else { return Ok(()) };
    match (host.resolve)(&options.function_name) {
        Resolved::Found(_) | Resolved::Fails(_) => Ok(()),
        Resolved::Refused(text) => Err(Refusal::Invalid(text)),
    }
}

fn check_shape(update: &OperationUpdate) -> Result<(), Refusal> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    let is_id = |id: &str| (1..=ID_CHARS).contains(&id.len()) && id.bytes().all(plain);
    require(is_id(&update.id), "Invalid operation id.")?;
    let is_name = |name: &String| {
        (1..=NAME_CHARS).contains(&name.len()) && name.bytes().all(|b| (b' '..=b'~').contains(&b))
    };
    require(update.name.as_ref().is_none_or(is_name), "Invalid operation name.")?;
    let is_sub_type = |text: &String| (1..=SUB_TYPE_CHARS).contains(&text.len()) && text.bytes().all(plain);
    require(update.sub_type.as_ref().is_none_or(is_sub_type), "Invalid operation subtype.")
}

fn check_payloads(update: &OperationUpdate) -> Result<(), Refusal> {
    let bytes = update.payload.as_ref().map_or(0, String::len);
    if update.operation_type == OperationType::ChainedInvoke && bytes > CHAINED_PAYLOAD_BYTES {
        return Err(Refusal::invalid(format!(
            "CHAINED_INVOKE input payload size must be less than or equal to {CHAINED_PAYLOAD_BYTES} bytes."
        )));
    }
    if bytes > PAYLOAD_BYTES {
        return Err(Refusal::invalid(format!(
            "Payload size must be less than or equal to {PAYLOAD_BYTES} bytes."
        )));
    }
    if update.error.as_ref().map_or(0, ErrorObject::bytes) > ERROR_BYTES {
        return Err(Refusal::invalid(format!("Error object size must be less than {ERROR_BYTES} bytes.")));
    }
    match update.action {
        Action::Succeed => require(update.error.is_none(), "Cannot provide an Error for SUCCEED action."),
        Action::Fail => require(update.payload.is_none(), "Cannot provide a Payload for FAIL action."),
        Action::Retry => require(
            update.error.is_none() || update.payload.is_none(),
            "Cannot provide both error and payload to RETRY a STEP.",
        ),
        Action::Start | Action::Cancel => Ok(()),
    }
}

/// The same id is the same operation. What an update leaves out, it does not deny.
fn check_identity(update: &OperationUpdate, known: Option<Standing<'_>>) -> Result<(), Refusal> {
    let Some(known) = known else { return Ok(()) };
    require(known.operation_type == update.operation_type, "Inconsistent operation type.")?;
    let agrees = |said: &Option<String>, known: Option<&str>| said.is_none() || said.as_deref() == known;
    require(agrees(&update.sub_type, known.sub_type), "Inconsistent operation subtype.")?;
    require(agrees(&update.name, known.name), "Inconsistent operation name.")?;
    require(agrees(&update.parent_id, known.parent), "Inconsistent parent operation id.")
}

fn check_action(update: &OperationUpdate, status: Option<Status>) -> Result<(), Refusal> {
    let in_bounds = |seconds: u64| (1..=DELAY_MAX_S).contains(&seconds);
    match (update.operation_type, update.action) {
        (OperationType::Step, Action::Start) => {
            require(matches!(status, None | Some(Status::Ready)), "Invalid current STEP state to start.")
        }
        (OperationType::Step, Action::Succeed | Action::Fail) => require(
            matches!(status, None | Some(Status::Started | Status::Ready)),
            "Invalid current STEP state to close.",
        ),
        (OperationType::Step, Action::Retry) => {
            require(
                matches!(status, None | Some(Status::Started | Status::Ready)),
                "Invalid current STEP state to re-attempt.",
            )?;
            let delay = update.step_options.unwrap_or_default().next_attempt_delay_seconds;
            require(in_bounds(delay), "Invalid StepOptions for the given action.")
        }
        (OperationType::Wait, Action::Start) => {
            require(status.is_none(), "Cannot start a WAIT that already exist.")?;
            let seconds = update.wait_options.unwrap_or_default().wait_seconds;
            require(in_bounds(seconds), "Invalid WaitOptions for the given action.")
        }
        (OperationType::Wait, Action::Cancel) => require(
            status == Some(Status::Started),
            "Cannot cancel a WAIT that does not exist or has already completed.",
        ),
        (OperationType::Context, Action::Start) => {
            require(status.is_none(), "Cannot start a CONTEXT that already exist.")
        }
        (OperationType::Context, Action::Succeed | Action::Fail) => {
            require(status == Some(Status::Started), "Invalid current CONTEXT state to close.")
        }
        (OperationType::Callback, Action::Start) => {
            require(status.is_none(), "Cannot start a CALLBACK that already exist.")
        }
        (OperationType::ChainedInvoke, Action::Start) => {
            require(status.is_none(), "Cannot start a CHAINED_INVOKE operation that already exists.")?;
            let named = update.chained_invoke_options.as_ref().is_some_and(|to| !to.function_name.is_empty());
            require(named, "Update for CHAINED_INVOKE operation requires ChainedInvokeOptions.")
        }
        _ => Err(Refusal::invalid("Invalid action for the given operation type.")),
    }
}

fn require(holds: bool, text: &str) -> Result<(), Refusal> {
    if holds { Ok(()) } else { Err(Refusal::invalid(text)) }
}
