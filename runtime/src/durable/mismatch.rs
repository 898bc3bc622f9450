//! When the code is not what the execution has begun with: an error that no handler can catch.

use lambda_durable::{OperationType, Told};

use super::identity::{Claim, told_sub_type};
use crate::Error;

/// Both sides, where a told operation is none of those that the code may mean.
pub(crate) fn disagreement(claim: &Claim, told: &Told, expected: &[(OperationType, &str)]) -> Option<Error> {
    if expected.iter().any(|expected| agrees(told, *expected)) {
        return None;
    }
    let was = told.sub_type.as_deref().map_or_else(|| "something else".to_owned(), told_sub_type);
    let is = expected.first().map(|(_, sub_type)| told_sub_type(sub_type)).unwrap_or_default();
    Some(mismatch(claim, &was, &is))
}

pub(crate) fn mismatch(claim: &Claim, was: &str, is: &str) -> Error {
    let use_number = match claim.n {
        0 => String::new(),
        n => format!(" (use {} of the id)", n + 1),
    };
    Error::new(
        MISMATCH,
        format!(
            "the step {:?}{use_number} was {was} when this execution came by before, and is {is} now; give what has changed a new id",
            claim.id
        ),
    )
}

pub(crate) fn nested(id: Option<&str>) -> Error {
    let step = id.map_or_else(|| "a step".to_owned(), |id| format!("the step {id:?}"));
    Error::new(NESTED, format!("{step} is awaited within the body of a step; steps cannot be nested"))
}

/// A told operation is what the code expects. What it does not say, it does not deny.
fn agrees(told: &Told, (operation_type, sub_type): (OperationType, &str)) -> bool {
    told.operation_type.is_none_or(|told| told == operation_type)
        && told.sub_type.as_deref().is_none_or(|told| told == sub_type)
}

/// The `errorType` of a function whose steps are not those that its execution has begun with.
const MISMATCH: &str = "StepMismatch";
/// The `errorType` of a function with a step within a step.
const NESTED: &str = "StepNested";
