//! A fault: the function ran and failed, and says so under a name.

use std::{any, borrow::Cow, error::Error as StdError, fmt, iter};

use lambda_runtime::Diagnostic;

/// Why a handler failed: a name for programs and a message for people. Both go to the caller.
///
/// ```
/// use stayput_runtime::Error;
///
/// fn price(text: &str) -> Result<u32, Error> {
///     let price = text.parse()?; // named "ParseIntError"
///     if price == 0 {
///         return Err(Error::new("PriceUnknown", "there is no price yet"));
///     }
///     Ok(price)
/// }
///
/// assert_eq!(price("0").unwrap_err().error_type(), "PriceUnknown");
/// assert_eq!(price("x").unwrap_err().error_type(), "ParseIntError");
/// ```
///
/// Lambda's error payload is `{"errorType": error_type, "errorMessage": message}`. What it was caused by goes to the
/// log and not to the caller.
///
/// Names that begin with `Runtime.`, `Function.` or `Sandbox.` are Lambda's own: callers read them as a crash, an
/// answer too large or a timeout.
#[derive(Clone, Eq, PartialEq)]
pub struct Error {
    error_type: Cow<'static, str>,
    message: String,
    /// The nearest cause first.
    causes: Vec<String>,
    /// What only durable functions tell.
    #[cfg(feature = "durable")]
    pub(crate) more: Option<Box<crate::durable::More>>,
}

impl Error {
    /// The `errorType` of a handler that panicked; the message is the panic's.
    pub const PANIC: &'static str = "Panic";

    /// The `errorType` where the event is not what the handler takes; the message says where it differs.
    pub const INVALID_EVENT: &'static str = "InvalidEvent";

    /// The `errorType` where what the handler returned cannot be sent: JSON has no way to say it, or its HTTP status
    /// is not one of 200 to 599.
    pub const INVALID_ANSWER: &'static str = "InvalidAnswer";

    /// A fault that callers see as `error_type`, exactly as given.
    pub fn new(error_type: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self::with_causes(error_type.into(), message.into(), Vec::new())
    }

    pub(crate) fn with_causes(error_type: Cow<'static, str>, message: String, causes: Vec<String>) -> Self {
        Self {
            error_type,
            message,
            causes,
            #[cfg(feature = "durable")]
            more: None,
        }
    }

    /// The same fault, with what it was caused by for the log.
    #[must_use]
    pub fn caused_by(self, cause: impl StdError) -> Self {
        Self { causes: texts(Some(&cause)), ..self }
    }

    /// The name that callers see as `errorType`.
    pub fn error_type(&self) -> &str {
        &self.error_type
    }

    /// The text that callers see as `errorMessage`.
    pub fn message(&self) -> &str {
        &self.message
    }
}

/// The name is the type's own, without its path: `ParseIntError`. A type called plainly `Error` keeps the module that
/// it is known by: `io::Error`, `serde_json::Error`. Such a name is the type's author's to change; where callers
/// decide by it, choose one with [`Error::new`].
impl<E: StdError> From<E> for Error {
    fn from(error: E) -> Self {
        let name = short_name(any::type_name::<E>());
        Self::with_causes(name.into(), error.to_string(), texts(error.source()))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// `OrderUnknown: there is no order 7, caused by: …`, on one line. This is what the log shows.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.error_type, self.message)?;
        self.causes.iter().try_for_each(|cause| write!(f, ", caused by: {cause}"))
    }
}

impl From<Error> for Diagnostic {
    fn from(error: Error) -> Self {
        Self { error_type: error.error_type.into_owned(), error_message: error.message }
    }
}

/// An error's text and those of all that lies behind it.
fn texts(error: Option<&dyn StdError>) -> Vec<String> {
    iter::successors(error, |error| (*error).source()).take(MAX_CAUSES).map(ToString::to_string).collect()
}

/// `core::num::error::ParseIntError` is `ParseIntError`, `std::io::error::Error` is `io::Error`.
fn short_name(path: &str) -> String {
    let without_parameters = path.split('<').next().unwrap_or(path);
    let mut segments = without_parameters.rsplit("::");
    let name = segments.next().unwrap_or(without_parameters);
    let known_by = segments.find(|module| *module != "error");
    match known_by {
        Some(module) if name == "Error" => format!("{module}::{name}"),
        Some(_) | None => name.to_owned(),
    }
}

/// Causes kept of one error. Ours: a chain that is longer, or bites its own tail, says nothing more.
const MAX_CAUSES: usize = 16;

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[track_caller]
    fn check_name(path: &str, expected: &str) {
        assert_eq!(short_name(path), expected, "the short name of {path}");
    }

    #[test]
    fn a_fault_is_named_after_the_type_of_its_error() {
        check_name("core::num::error::ParseIntError", "ParseIntError");
        check_name("stock::StockError", "StockError");
        check_name("stock::Wrapped<core::fmt::Error>", "Wrapped");
    }

    #[test]
    fn a_type_called_error_keeps_its_module() {
        check_name("std::io::error::Error", "io::Error");
        check_name("serde_json::error::Error", "serde_json::Error");
        check_name("core::fmt::Error", "fmt::Error");
        check_name("Error", "Error");
    }

    #[derive(Debug, thiserror::Error)]
    #[error("the depot is closed")]
    struct DepotClosed(#[source] io::Error);

    #[test]
    fn the_cause_is_for_the_log_and_not_for_the_caller() {
        let error = Error::from(DepotClosed(io::Error::other("no key")));
        assert_eq!(format!("{error:?}"), "DepotClosed: the depot is closed, caused by: no key");
        let told = Diagnostic::from(error);
        assert_eq!((&*told.error_type, &*told.error_message), ("DepotClosed", "the depot is closed"));
    }

    #[test]
    fn a_chosen_name_can_carry_a_cause_too() {
        let error =
            Error::new("NoDelivery", "try tomorrow").caused_by(DepotClosed(io::Error::other("no key")));
        let line = "NoDelivery: try tomorrow, caused by: the depot is closed, caused by: no key";
        assert_eq!(format!("{error:?}"), line);
    }
}
