//! Why a step failed.

use std::fmt;

use lambda_durable::{ErrorObject, Status};

use super::fault::{More, UNNAMED};
use crate::Error;

/// Why a step failed: what kind of failure it is, and what the step, or the function that it has invoked, said itself.
///
/// ```
/// use stayput_runtime::{Error, durable::{Function, Step, StepError}};
///
/// static CHARGE: Function<u32, String> = Function::new("charge");
///
/// async fn pay(cents: u32, step: Step) -> Result<String, Error> {
///     match step.invoke("charge", &CHARGE, cents).timeout("10m").await {
///         Ok(receipt) => Ok(receipt),
///         Err(error) if error.is_timeout() => Ok("we shall write to you".to_owned()),
///         Err(StepError { name, .. }) if name == "CardDeclined" => Ok("another card?".to_owned()),
///         Err(error) => Err(error.into()),
///     }
/// }
/// ```
///
/// `?` makes it an [`Error`] with the same name, message, data and stack, which ends the function *without the function's
/// own retries*: what failed has been tried as often as it should be, and chains of functions do not multiply their
/// attempts. An error that is caught is an error like any other; [`retriable`](Self::retriable) lets it out as one that is
/// retried.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct StepError {
    /// The step's id.
    pub step_id: String,
    /// What kind of failure it is.
    pub kind: StepErrorKind,
    /// The name that its author chose: the `errorType`.
    pub name: String,
    /// The text for people: the `errorMessage`.
    pub message: String,
    /// What the author sent along.
    pub data: Option<String>,
    /// Where it happened, line by line, if that was told.
    pub stack: Box<[String]>,
    is_retriable: bool,
}

/// What kind of failure a [`StepError`] is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum StepErrorKind {
    /// There is no such function.
    NotFound,
    /// The step's body, or the invoked function, has failed, after all its retries.
    Failed,
    /// The time was over. A function that was invoked goes on, and nobody hears of its end.
    TimedOut,
    /// The function was not invoked because of a limit to how often it may be.
    Throttled,
    /// Somebody has stopped the function.
    Stopped,
    /// An input or a result is larger than Lambda keeps.
    TooLarge,
    /// An input or a result that JSON cannot say, or a result that is not what was expected.
    Serde,
    /// The call itself makes no sense: no id, a timeout that is none.
    Invalid,
}

impl StepError {
    /// The `name` where a step's time was over.
    pub const TIMED_OUT: &'static str = "StepTimedOut";
    /// The `name` where an input or a result is too large.
    pub const TOO_LARGE: &'static str = "StepTooLarge";
    /// The `name` where JSON and the types do not agree.
    pub const SERDE: &'static str = "StepSerde";
    /// The `name` of a call that makes no sense.
    pub const INVALID: &'static str = "StepInvalid";

    /// The time was over.
    pub fn is_timeout(&self) -> bool {
        self.kind == StepErrorKind::TimedOut
    }

    /// There is no such function.
    pub fn is_not_found(&self) -> bool {
        self.kind == StepErrorKind::NotFound
    }

    /// The body or the function has failed by itself.
    pub fn is_failed(&self) -> bool {
        self.kind == StepErrorKind::Failed
    }

    /// The same, and a function that it escapes from is retried, if it has retries.
    #[must_use]
    pub fn retriable(self) -> Self {
        Self { is_retriable: true, ..self }
    }

    /// One that comes from here.
    pub(crate) fn own(step_id: &str, kind: StepErrorKind, message: impl Into<String>) -> Self {
        let name = match kind {
            StepErrorKind::TimedOut => Self::TIMED_OUT,
            StepErrorKind::TooLarge => Self::TOO_LARGE,
            StepErrorKind::Serde => Self::SERDE,
            StepErrorKind::Invalid => Self::INVALID,
            StepErrorKind::NotFound => NOT_FOUND,
            StepErrorKind::Throttled => THROTTLED,
            StepErrorKind::Failed | StepErrorKind::Stopped => UNNAMED,
        };
        Self {
            step_id: step_id.to_owned(),
            kind,
            name: name.to_owned(),
            message: message.into(),
            data: None,
            stack: Box::default(),
            is_retriable: false,
        }
    }

    fn told(step_id: &str, kind: StepErrorKind, error: ErrorObject) -> Self {
        Self {
            step_id: step_id.to_owned(),
            kind,
            name: error.error_type.unwrap_or_else(|| UNNAMED.to_owned()),
            message: error.error_message.unwrap_or_default(),
            data: error.error_data,
            stack: error.stack_trace.unwrap_or_default().into(),
            is_retriable: false,
        }
    }

    /// As the journal says it of a body.
    pub(crate) fn of_run(step_id: &str, error: ErrorObject) -> Self {
        let kind = match error.error_type.as_deref() {
            Some(Self::TOO_LARGE) => StepErrorKind::TooLarge,
            Some(Self::SERDE) => StepErrorKind::Serde,
            Some(_) | None => StepErrorKind::Failed,
        };
        Self::told(step_id, kind, error)
    }

    /// As the journal says it of an invocation of `target`.
    pub(crate) fn of_invoke(step_id: &str, status: Status, error: ErrorObject, target: &str) -> Self {
        let says = |text: &str| error.error_type.as_deref() == Some(text);
        // A function can fail with such an error of its own, of something else that was not found.
        let names_it = error.error_message.as_deref().is_some_and(|text| text.contains(bare(target)));
        let kind = match status {
            Status::TimedOut => StepErrorKind::TimedOut,
            Status::Stopped => StepErrorKind::Stopped,
            _ if says(NOT_FOUND) && names_it => StepErrorKind::NotFound,
            _ if says(THROTTLED) => StepErrorKind::Throttled,
            _ => StepErrorKind::Failed,
        };
        Self::told(step_id, kind, error)
    }
}

/// Lambda's words. Source: service model, errors of `Invoke`.
const NOT_FOUND: &str = "ResourceNotFoundException";
const THROTTLED: &str = "TooManyRequestsException";

/// A function's own name, of a name with a qualifier or an ARN.
fn bare(target: &str) -> &str {
    let name = target.rsplit_once(":function:").map_or(target, |(_, name)| name);
    name.split(':').next().unwrap_or(name)
}

impl fmt::Display for StepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// Keeps name, message, data and stack; marked not to be retried, unless [`StepError::retriable`] was said.
impl From<StepError> for Error {
    fn from(error: StepError) -> Self {
        let StepError { step_id, kind: _, name, message, data, stack, is_retriable } = error;
        let mut escaped = Self::with_causes(name.into(), message, vec![format!("step {step_id:?}")]);
        escaped.more = Some(Box::new(More { is_final: !is_retriable, data, stack }));
        escaped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(status: Status, error_type: &str, message: &str, expected: StepErrorKind) {
        let error = ErrorObject::new(error_type, message);
        let error = StepError::of_invoke("s", status, error, "shop-bill:$LATEST");
        assert_eq!((error.kind, &*error.name, &*error.message), (expected, error_type, message));
    }

    #[test]
    fn kinds_are_told_apart() {
        check(Status::Failed, "CardDeclined", "no", StepErrorKind::Failed);
        check(Status::TimedOut, "ChainedInvoke.Timeout", "too long", StepErrorKind::TimedOut);
        check(Status::Stopped, "Enough", "by hand", StepErrorKind::Stopped);
        check(Status::Failed, "TooManyRequestsException", "Rate exceeded", StepErrorKind::Throttled);
        check(Status::Failed, NOT_FOUND, "Function not found: shop-bill:$LATEST.", StepErrorKind::NotFound);
    }

    #[test]
    fn a_function_that_did_not_find_something_else_was_found_itself() {
        check(Status::Failed, NOT_FOUND, "Function not found: depot:$LATEST.", StepErrorKind::Failed);
    }

    #[test]
    fn a_targets_own_name_is_found_in_all_its_forms() {
        for target in ["bill", "bill:live", "arn:aws:lambda:us-east-1:123456789012:function:bill:live"] {
            assert_eq!(bare(target), "bill");
        }
    }

    #[test]
    fn what_escapes_is_what_happened_and_is_not_retried() {
        let object = ErrorObject {
            error_type: Some("CardDeclined".to_owned()),
            error_message: Some("no".to_owned()),
            error_data: Some("51".to_owned()),
            stack_trace: Some(vec!["pay.js:3".to_owned()]),
        };
        let told = StepError::of_invoke("charge", Status::Failed, object.clone(), "bank");
        let error = Error::from(told.clone());
        assert_eq!((error.to_object(), error.is_retriable()), (object, false));
        assert!(Error::from(told.clone()).retriable().is_retriable());
        assert!(Error::from(told.retriable()).is_retriable());
    }
}
