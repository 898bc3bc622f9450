//! What AWS refuses in a function's configuration, refused here before anything starts.

use std::{collections::BTreeMap, ops::RangeInclusive};

use lambda_protocol::quotas::ENVIRONMENT_BYTES;

/// Seconds. Source: Lambda quotas, "function timeout": 900 s.
pub(super) const TIMEOUT_S: RangeInclusive<u32> = 1..=900;
/// Seconds, if nothing is said. Source: Lambda API, `CreateFunction`, `Timeout`.
pub(super) const DEFAULT_TIMEOUT_S: u32 = 3;
/// MB. Source: Lambda quotas, "function memory allocation": 128 MB to 10,240 MB.
pub(super) const MEMORY_MB: RangeInclusive<u32> = 128..=10_240;
/// MB, if nothing is said. Source: Lambda API, `CreateFunction`, `MemorySize`.
pub(super) const DEFAULT_MEMORY_MB: u32 = 128;
/// Environments. Source: Lambda API, `PutFunctionConcurrency`: 0 or more; no account has more than this.
pub(super) const RESERVED_CONCURRENCY: RangeInclusive<u32> = 0..=1_000_000;
/// Characters. Source: Lambda API, `CreateFunction`, `FunctionName`: 64 for the name alone.
const NAME_CHARS: usize = 64;
/// Source: service model, `Alias`.
const ALIAS_CHARS: usize = 128;
/// Bytes. Source: Lambda API, `CreateFunction`, `Handler`: 128, no white space.
pub(crate) const HANDLER_BYTES: usize = 128;

/// The rule of function names that `name` breaks.
pub(super) fn check_name(name: &str) -> Result<(), String> {
    let odd = |c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    if name.is_empty() || name.len() > NAME_CHARS {
        return Err(format!(
            "a function's name has 1 to {NAME_CHARS} characters, and this has {}",
            name.len()
        ));
    }
    match name.find(odd) {
        None => Ok(()),
        Some(_) => Err("a function's name has letters, digits, `-` and `_` only".to_owned()),
    }
}

/// The rule of aliases' names that `name` breaks.
pub(super) fn check_alias(name: &str) -> Result<(), String> {
    if !(1..=ALIAS_CHARS).contains(&name.len()) {
        return Err(format!("an alias has 1 to {ALIAS_CHARS} characters, and this has {}", name.len()));
    }
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    if !name.bytes().all(plain) || name.bytes().all(|b| b.is_ascii_digit()) {
        return Err("an alias has letters, digits, `-` and `_` only, and not just digits".to_owned());
    }
    Ok(())
}

pub(super) fn check_handler(handler: &str) -> Result<(), String> {
    if handler.is_empty() || handler.len() > HANDLER_BYTES || handler.contains(char::is_whitespace) {
        return Err(format!("`Handler` has 1 to {HANDLER_BYTES} bytes and no white space"));
    }
    Ok(())
}

pub(super) fn check_variable_name(name: &str) -> Result<(), String> {
    if is_reserved_variable(name) {
        return Err(format!("`{name}` is set by Lambda itself and cannot be given"));
    }
    if !is_variable_name(name) {
        let rule = "begins with a letter and has two or more letters, digits and `_` only";
        return Err(format!("the name of a variable {rule}: `{name}`"));
    }
    Ok(())
}

/// Source: service model, `EnvironmentVariableName`.
pub(crate) fn is_variable_name(name: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || c == '_';
    name.len() >= 2 && name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.chars().all(inner)
}

/// Whether Lambda sets the variable itself.
pub(crate) fn is_reserved_variable(name: &str) -> bool {
    RESERVED_VARIABLES.contains(&name)
}

pub(super) fn check_variables(variables: &BTreeMap<String, String>) -> Result<(), String> {
    let bytes = serde_json::to_vec(variables).expect("a map of texts is always JSON").len();
    if bytes <= ENVIRONMENT_BYTES {
        return Ok(());
    }
    Err(format!("the variables take {bytes} bytes as JSON, over the limit of {ENVIRONMENT_BYTES}"))
}

/// Source: Lambda developer guide, "Defined runtime environment variables", reserved.
const RESERVED_VARIABLES: &[&str] = &[
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
];
