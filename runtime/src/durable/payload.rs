//! Values as JSON text in the journal.

use serde::{Serialize, de::DeserializeOwned};

use super::step_error::{StepError, StepErrorKind};

/// # Errors
/// JSON cannot say it, or it is too large.
pub(crate) fn encode(step_id: &str, value: &impl Serialize, limit_bytes: usize) -> Result<String, StepError> {
    let text = serde_json::to_string(value)
        .map_err(|error| StepError::own(step_id, StepErrorKind::Serde, error.to_string()))?;
    if text.len() > limit_bytes {
        let text = format!("{} bytes of JSON are more than the {limit_bytes} that are kept", text.len());
        return Err(StepError::own(step_id, StepErrorKind::TooLarge, text));
    }
    Ok(text)
}

/// Nothing at all is `null`.
///
/// # Errors
/// It is not what was expected; the message names the field.
pub(crate) fn decode<T: DeserializeOwned>(step_id: &str, text: Option<&str>) -> Result<T, StepError> {
    let text = text.filter(|text| !text.is_empty()).unwrap_or("null");
    let mut json = serde_json::Deserializer::from_str(text);
    serde_path_to_error::deserialize(&mut json)
        .map_err(|error| StepError::own(step_id, StepErrorKind::Serde, error.to_string()))
}

/// What a step's body gives, bytes: 256 KiB. Source: `reference/durable.md` 4.4, what the SDKs keep.
pub(crate) const STEP_RESULT_BYTES: usize = 262_144;
