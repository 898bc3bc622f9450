//! What a durable function's error says besides its name and message, and how Lambda writes it.

use lambda_durable::{ErrorObject, limits::ERROR_BYTES};

use crate::Error;

/// What only durable functions tell of an error.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct More {
    pub(crate) is_final: bool,
    pub(crate) data: Option<String>,
    pub(crate) stack: Box<[String]>,
}

/// Of durable functions, with the feature `durable`.
impl Error {
    /// The same fault, and it is no use to try again: a step or a function that fails with it is not retried.
    ///
    /// ```
    /// use stayput_runtime::Error;
    ///
    /// let error = Error::new("CardDeclined", "the bank says no").not_retried();
    /// assert!(!error.is_retriable());
    /// assert!(error.retriable().is_retriable());
    /// ```
    #[must_use]
    pub fn not_retried(mut self) -> Self {
        self.more.get_or_insert_default().is_final = true;
        self
    }

    /// The same fault, and whoever fails with it is retried, if it has retries: takes back
    /// [`not_retried`](Self::not_retried), and what `?` has made of a [`StepError`](super::StepError).
    #[must_use]
    pub fn retriable(mut self) -> Self {
        if let Some(more) = &mut self.more {
            more.is_final = false;
        }
        self
    }

    /// Whether whoever fails with it is retried.
    pub fn is_retriable(&self) -> bool {
        self.more.as_ref().is_none_or(|more| !more.is_final)
    }

    /// The same fault, with data for the function that has invoked this one: its [`StepError::data`](super::StepError::data).
    ///
    /// ```
    /// use stayput_runtime::Error;
    ///
    /// let error = Error::new("CardDeclined", "the bank says no").with_data("code 51");
    /// assert_eq!(error.data(), Some("code 51"));
    /// ```
    #[must_use]
    pub fn with_data(mut self, data: impl Into<String>) -> Self {
        self.more.get_or_insert_default().data = Some(data.into());
        self
    }

    /// What [`with_data`](Self::with_data) was given, here or in the function that failed.
    pub fn data(&self) -> Option<&str> {
        self.more.as_ref().and_then(|more| more.data.as_deref())
    }

    /// Where it happened, line by line, if a function of another language has told.
    pub fn stack(&self) -> &[String] {
        self.more.as_ref().map_or(&[], |more| &more.stack)
    }

    /// As Lambda writes it.
    pub(crate) fn to_object(&self) -> ErrorObject {
        fitting(ErrorObject {
            error_type: Some(self.error_type().to_owned()),
            error_message: Some(self.message().to_owned()),
            error_data: self.data().map(str::to_owned),
            stack_trace: Some(self.stack().to_vec()).filter(|lines| !lines.is_empty()),
        })
    }

    pub(crate) fn from_object(error: ErrorObject) -> Self {
        let name = error.error_type.unwrap_or_else(|| UNNAMED.to_owned());
        let mut told = Self::new(name, error.error_message.unwrap_or_default());
        if error.error_data.is_some() || error.stack_trace.is_some() {
            let stack = error.stack_trace.unwrap_or_default().into();
            told.more = Some(Box::new(More { is_final: false, data: error.error_data, stack }));
        }
        told
    }
}

/// The name of an error that came without one. Ours.
pub(crate) const UNNAMED: &str = "Error";

/// Cut until Lambda takes it: what helps least goes first.
pub(crate) fn fitting(mut error: ErrorObject) -> ErrorObject {
    if fits(&error) {
        return error;
    }
    error.stack_trace = None;
    if !fits(&error) {
        error.error_data = None;
    }
    for text in [&mut error.error_message, &mut error.error_type].into_iter().flatten() {
        text.truncate(text.floor_char_boundary(CUT_BYTES));
    }
    error
}

fn fits(error: &ErrorObject) -> bool {
    serde_json::to_vec(error).is_ok_and(|json| json.len() < ERROR_BYTES)
}

/// Of a text that is cut. In JSON a byte may take six: two such texts fit.
const CUT_BYTES: usize = 2_048;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_fits_and_is_read(
            name in "[A-Z][a-z]{0,20}",
            message in "\\PC{0,200}",
            data in proptest::option::of("\\PC{0,50}"),
            times in 1_usize..400,
        ) {
            let mut error = Error::new(name, message.repeat(times));
            if let Some(data) = data {
                error = error.with_data(data);
            }
            let object = error.to_object();
            prop_assert!(fits(&object));
            if message.len() * times < CUT_BYTES {
                prop_assert_eq!(Error::from_object(object), error);
            }
        }
    }

    #[test]
    fn control_characters_fit_too() {
        let error =
            Error::new("\u{1}".repeat(40_000), "\u{2}".repeat(40_000)).with_data("\u{3}".repeat(40_000));
        assert!(fits(&error.to_object()));
    }
}
