//! `ValidationException`: every constraint that a request breaks, told in one sentence.

use std::fmt::{Display, Write as _};

use crate::api_error::{ApiError, ErrorCode};

/// One broken constraint.
#[derive(Debug)]
pub struct Violation(String);

impl Violation {
    /// `field` is the model's name of the parameter, as AWS spells it in the text.
    pub fn new(value: &str, field: &str, constraint: impl Display) -> Self {
        Self(format!("Value '{value}' at '{field}' failed to satisfy constraint: {constraint}"))
    }

    /// A member that must be there is not.
    pub fn missing(field: &str) -> Self {
        Self(format!("Value null at '{field}' failed to satisfy constraint: Member must not be null"))
    }

    pub fn pattern(value: &str, field: &str, pattern: &str) -> Self {
        Self::new(value, field, format_args!("Member must satisfy regular expression pattern: {pattern}"))
    }

    pub fn too_long(value: &str, field: &str, most: usize) -> Self {
        Self::new(value, field, format_args!("Member must have length less than or equal to {most}"))
    }

    pub fn too_short(value: &str, field: &str, least: usize) -> Self {
        Self::new(value, field, format_args!("Member must have length greater than or equal to {least}"))
    }

    pub fn too_great(value: impl Display, field: &str, most: u32) -> Self {
        Self::new(
            &value.to_string(),
            field,
            format_args!("Member must have value less than or equal to {most}"),
        )
    }

    pub fn too_small(value: impl Display, field: &str, least: u32) -> Self {
        Self::new(
            &value.to_string(),
            field,
            format_args!("Member must have value greater than or equal to {least}"),
        )
    }

    pub fn not_in_set(value: &str, field: &str, set: &str) -> Self {
        Self::new(value, field, format_args!("Member must satisfy enum value set: [{set}]"))
    }
}

/// A whole number from `least` to `most`; `None` is no number at all.
///
/// # Errors
/// It is none of them.
pub fn bounded(value: Option<i64>, field: &str, least: u32, most: u32) -> Result<u32, Violation> {
    let value = value.unwrap_or(i64::MIN);
    if value > most.into() {
        return Err(Violation::too_great(value, field, most));
    }
    match u32::try_from(value) {
        Ok(fits) if fits >= least => Ok(fits),
        Ok(_) | Err(_) => Err(Violation::too_small(value, field, least)),
    }
}

/// The error that tells all of `violations`, in their order.
pub fn error(violations: &[Violation]) -> ApiError {
    let noun = if violations.len() == 1 { "error" } else { "errors" };
    let mut message = format!("{} validation {noun} detected: ", violations.len());
    for (index, Violation(text)) in violations.iter().enumerate() {
        let separator = if index == 0 { "" } else { "; " };
        write!(message, "{separator}{text}").expect("writing to a String cannot fail");
    }
    ApiError::new(ErrorCode::Validation, message)
}
