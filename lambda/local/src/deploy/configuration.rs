//! A function's configuration, as `CreateFunction` and `UpdateFunctionConfiguration` set it, and what they may set.
//!
//! Source: Lambda's service model for shapes and limits; the texts of variables are from the service.

use std::{collections::BTreeMap, fmt};

use lambda_protocol::{
    api_error::{ApiError, ErrorCode},
    quotas::{
        ENVIRONMENT_BYTES, MEMORY_DEFAULT_MB, MEMORY_MAX_MB, MEMORY_MIN_MB, TIMEOUT_DEFAULT, TIMEOUT_MAX,
        TIMEOUT_MIN,
    },
    validation::{self, Violation},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    function::DurableConfig,
    languages::{
        Language,
        machine::{ARM64, X86_64},
    },
    template,
};

/// What is kept.
#[derive(Clone, Deserialize, PartialEq, Serialize)]
pub(crate) struct Configuration {
    pub(crate) role: String,
    pub(crate) runtime: String,
    pub(crate) handler: String,
    pub(crate) description: String,
    /// Seconds.
    pub(crate) timeout: u32,
    pub(crate) memory_mb: u32,
    /// `None`: nothing was said of variables, and nothing is told of them.
    pub(crate) variables: Option<BTreeMap<String, String>>,
    pub(crate) architecture: String,
    /// An ARN.
    pub(crate) dead_letter: Option<String>,
    #[serde(default)]
    pub(crate) durable: Option<DurableConfig>,
    /// What has no meaning on this machine, kept to be told again: by AWS's name.
    pub(crate) told: BTreeMap<String, Value>,
}

/// What a call asks for; what is `None` stays as it is.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Change {
    role: Option<String>,
    runtime: Option<String>,
    handler: Option<String>,
    description: Option<String>,
    timeout: Option<i64>,
    memory_size: Option<i64>,
    environment: Option<Environment>,
    architectures: Option<Vec<String>>,
    dead_letter_config: Option<DeadLetterConfig>,
    package_type: Option<String>,
    layers: Option<Vec<String>>,
    vpc_config: Option<Value>,
    tracing_config: Option<Value>,
    ephemeral_storage: Option<Value>,
    snap_start: Option<Value>,
    logging_config: Option<Value>,
    file_system_configs: Option<Value>,
    #[serde(rename = "KMSKeyArn")]
    kms_key_arn: Option<Value>,
    durable_config: Option<ChangedDurable>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Environment {
    variables: BTreeMap<String, String>,
}

/// What is `None` stays as it is, or is Lambda's own.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct ChangedDurable {
    execution_timeout: Option<i64>,
    retention_period_in_days: Option<i64>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct DeadLetterConfig {
    target_arn: Option<String>,
}

impl Configuration {
    /// What a new function has if nothing is said.
    pub(crate) fn new() -> Self {
        Self {
            role: String::new(),
            runtime: String::new(),
            handler: String::new(),
            description: String::new(),
            timeout: seconds(TIMEOUT_DEFAULT),
            memory_mb: MEMORY_DEFAULT_MB,
            variables: None,
            architecture: X86_64.to_owned(),
            dead_letter: None,
            durable: None,
            told: BTreeMap::new(),
        }
    }

    /// Whether code that is published as one would be another version than as the other: descriptions are not compared.
    pub(crate) fn runs_as(&self, other: &Self) -> bool {
        let description = || other.description.clone();
        Self { description: description(), ..self.clone() } == *other
    }
}

impl Change {
    /// What `UpdateFunctionCode` may set besides the code.
    pub(crate) fn of_architectures(architectures: Option<Vec<String>>) -> Self {
        Self { architectures, ..Self::default() }
    }

    /// What a new function must say.
    pub(crate) fn check_new(&self, violations: &mut Vec<Violation>) {
        if self.role.is_none() {
            violations.push(Violation::missing("role"));
        }
        self.check(violations);
    }

    /// What only a new function may become.
    ///
    /// # Errors
    /// It is to become durable, and was not made so.
    pub(crate) fn check_old(&self, now: &Configuration) -> Result<(), ApiError> {
        if self.durable_config.is_some() && now.durable.is_none() {
            return Err(not_here("A function is durable from its creation on, or not at all."));
        }
        Ok(())
    }

    /// Every constraint of the model that it breaks.
    pub(crate) fn check(&self, violations: &mut Vec<Violation>) {
        if let Some(role) = self.role.as_deref().filter(|role| !is_role(role)) {
            violations.push(Violation::pattern(role, "role", ROLE_PATTERN));
        }
        if let Some(runtime) = self.runtime.as_deref().filter(|runtime| Language::of(runtime).is_none()) {
            violations.push(Violation::not_in_set(runtime, "runtime", RUNTIMES));
        }
        if let Some(handler) = &self.handler {
            if handler.len() > template::HANDLER_BYTES {
                violations.push(Violation::too_long(handler, "handler", template::HANDLER_BYTES));
            }
            if handler.contains(char::is_whitespace) {
                violations.push(Violation::pattern(handler, "handler", r"[^\s]+"));
            }
        }
        if let Some(description) =
            self.description.as_deref().filter(|it| it.chars().count() > DESCRIPTION_CHARS)
        {
            violations.push(Violation::too_long(description, "description", DESCRIPTION_CHARS));
        }
        let (least, most) = (seconds(TIMEOUT_MIN), seconds(TIMEOUT_MAX));
        violations.extend(bounded(self.timeout, "timeout", least, most).err());
        violations.extend(bounded(self.memory_size, "memorySize", MEMORY_MIN_MB, MEMORY_MAX_MB).err());
        if let Some(ChangedDurable { execution_timeout, retention_period_in_days }) = self.durable_config {
            let (field, most) = ("durableConfig.executionTimeout", DurableConfig::EXECUTION_TIMEOUT_MAX_S);
            violations.extend(bounded(execution_timeout, field, 1, most).err());
            let (field, most) = ("durableConfig.retentionPeriodInDays", DurableConfig::RETENTION_MAX_DAYS);
            violations.extend(bounded(retention_period_in_days, field, 1, most).err());
        }
        for architecture in self.architectures.iter().flatten() {
            if ![X86_64, ARM64].contains(&&**architecture) {
                let set = format!("Member must satisfy enum value set: [{X86_64}, {ARM64}]");
                violations.push(Violation::new(&format!("[{architecture}]"), "architectures", set));
            }
        }
    }

    /// # Errors
    /// It asks for what this service does not have, or for variables that Lambda does not take.
    pub(crate) fn apply(self, to: &mut Configuration) -> Result<(), ApiError> {
        self.refuse_what_is_not_here()?;
        if let Some(Environment { variables }) = self.environment {
            check_variables(&variables)?;
            to.variables = Some(variables);
        }
        let number =
            |given: Option<i64>, now| given.and_then(|value| u32::try_from(value).ok()).unwrap_or(now);
        to.timeout = number(self.timeout, to.timeout);
        to.memory_mb = number(self.memory_size, to.memory_mb);
        let text = |given: Option<String>, now: &mut String| {
            if let Some(given) = given {
                *now = given;
            }
        };
        text(self.role, &mut to.role);
        text(self.runtime, &mut to.runtime);
        text(self.handler, &mut to.handler);
        text(self.description, &mut to.description);
        text(self.architectures.and_then(|all| all.into_iter().next()), &mut to.architecture);
        if let Some(DeadLetterConfig { target_arn }) = self.dead_letter_config {
            to.dead_letter = target_arn.filter(|arn| !arn.is_empty());
        }
        if let Some(ChangedDurable { execution_timeout, retention_period_in_days }) = self.durable_config {
            let number = |given: Option<i64>| given.and_then(|value| u64::try_from(value).ok());
            let now = to.durable;
            let execution_timeout_s = number(execution_timeout)
                .or_else(|| now.map(|now| now.execution_timeout_s))
                .ok_or_else(|| not_here("DurableConfig needs ExecutionTimeout, seconds."))?;
            let retention_days = number(retention_period_in_days)
                .or_else(|| now.map(|now| now.retention_days))
                .unwrap_or(DurableConfig::RETENTION_DAYS);
            to.durable = Some(DurableConfig { execution_timeout_s, retention_days });
        }
        let told = [
            ("VpcConfig", self.vpc_config),
            ("TracingConfig", self.tracing_config),
            ("EphemeralStorage", self.ephemeral_storage),
            ("SnapStart", self.snap_start),
            ("LoggingConfig", self.logging_config),
            ("FileSystemConfigs", self.file_system_configs),
            ("KMSKeyArn", self.kms_key_arn),
        ];
        to.told.extend(told.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
        Ok(())
    }

    fn refuse_what_is_not_here(&self) -> Result<(), ApiError> {
        if self.package_type.as_deref().is_some_and(|kind| kind != "Zip") {
            return Err(not_here("Container images do not run in this local Lambda; deploy a zip archive."));
        }
        if self.layers.as_ref().is_some_and(|layers| !layers.is_empty()) {
            return Err(not_here("This local Lambda has no layers; put what they hold into the archive."));
        }
        Ok(())
    }
}

fn not_here(text: &str) -> ApiError {
    ApiError::new(ErrorCode::InvalidParameterValue, text)
}

fn check_variables(variables: &BTreeMap<String, String>) -> Result<(), ApiError> {
    let reserved: Vec<_> =
        variables.keys().map(String::as_str).filter(|name| template::is_reserved_variable(name)).collect();
    if !reserved.is_empty() {
        let text = format_args!(
            "Lambda was unable to configure your environment variables because the environment variables you have \
             provided contains reserved keys that are currently not supported for modification. Reserved keys used in \
             this request: {}",
            reserved.join(", ")
        );
        return Err(ApiError::new(ErrorCode::InvalidParameterValue, text));
    }
    if let Some(name) = variables.keys().find(|name| !template::is_variable_name(name)) {
        let constraint = "Map keys must satisfy constraint: [Member must satisfy regular expression pattern: \
                          [a-zA-Z]([a-zA-Z0-9_])+]";
        return Err(validation::error(&[Violation::new(name, "environment.variables", constraint)]));
    }
    // Unlike AWS's, the text leaves the values out: they may be secrets.
    let bytes = serde_json::to_vec(variables).expect("a map of texts is always JSON").len();
    if bytes > ENVIRONMENT_BYTES {
        return Err(ApiError::new(
            ErrorCode::InvalidParameterValue,
            "Lambda was unable to configure your environment variables because the environment variables you have \
             provided exceeded the 4KB limit.",
        ));
    }
    Ok(())
}

/// What [`ROLE_PATTERN`] matches.
fn is_role(text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let ["arn", partition, "iam", "", account, role] = parts[..] else { return false };
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_+=,.@-/".contains(&b);
    partition
        .strip_prefix("aws")
        .is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_alphabetic() || b == b'-'))
        && account.len() == 12
        && account.bytes().all(|b| b.is_ascii_digit())
        && role.strip_prefix("role").is_some_and(|name| name.len() > 1 && name.bytes().all(plain))
}

/// What is not said, is not bounded.
fn bounded(value: Option<i64>, field: &str, least: u32, most: u32) -> Result<(), Violation> {
    if value.is_some() { validation::bounded(value, field, least, most).map(drop) } else { Ok(()) }
}

fn seconds(duration: std::time::Duration) -> u32 {
    u32::try_from(duration.as_secs()).expect("Lambda's timeouts are minutes")
}

/// Variables are named and not told.
impl fmt::Debug for Configuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Configuration")
            .field("runtime", &self.runtime)
            .field("handler", &self.handler)
            .field("timeout", &self.timeout)
            .field("memory_mb", &self.memory_mb)
            .field("variables", &self.variables.as_ref().map(|all| all.keys().collect::<Vec<_>>()))
            .finish_non_exhaustive()
    }
}

/// Source: service model, `Description`.
const DESCRIPTION_CHARS: usize = 256;

/// Quoted by `ValidationException`. Source: service model, `RoleArn`.
const ROLE_PATTERN: &str = r"arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+";

/// Quoted by `ValidationException`: those that can be new in 2026. Others of their kinds are taken, too.
const RUNTIMES: &str = "nodejs20.x, nodejs22.x, nodejs24.x, provided.al2, provided.al2023, python3.10, python3.11, \
                        python3.12, python3.13, python3.14";

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn change(body: Value) -> Change {
        serde_json::from_value(body).unwrap()
    }

    #[track_caller]
    fn check(body: Value, expected: &[&str]) {
        let mut violations = Vec::new();
        change(body).check_new(&mut violations);
        let told = if violations.is_empty() { String::new() } else { validation::error(&violations).message };
        for text in expected {
            assert!(told.contains(text), "{told}");
        }
        assert_eq!(violations.len(), expected.len(), "{told}");
    }

    const ROLE: &str = "arn:aws:iam::000000000000:role/x";

    #[test]
    fn a_function_needs_a_role_and_keeps_the_models_bounds() {
        check(json!({"Role": ROLE, "Timeout": 900, "MemorySize": 128}), &[]);
        check(json!({}), &["Value null at 'role' failed to satisfy constraint: Member must not be null"]);
        check(
            json!({"Role": "me", "Timeout": 901, "MemorySize": 127, "Runtime": "cobol", "Handler": "a b"}),
            &[
                "Value 'me' at 'role'",
                "Value '901' at 'timeout'",
                "Value '127' at 'memorySize'",
                "Value 'cobol' at 'runtime'",
                "Value 'a b' at 'handler'",
            ],
        );
        check(json!({"Role": ROLE, "Architectures": ["mips"]}), &["Value '[mips]' at 'architectures'"]);
    }

    #[test]
    fn roles_are_iams() {
        for role in [ROLE, "arn:aws-cn:iam::123456789012:role/service-role/a+b=c,d.e@f-g_h"] {
            assert!(is_role(role), "{role}");
        }
        for role in
            ["arn:aws:iam::1:role/x", "arn:aws:iam::000000000000:user/x", "arn:aws:iam::000000000000:role/"]
        {
            assert!(!is_role(role), "{role}");
        }
    }

    #[test]
    fn what_is_not_named_stays() {
        let mut configuration = Configuration::new();
        let environment = json!({"Variables": {"AB": "1"}});
        change(json!({"Handler": "a", "Environment": environment})).apply(&mut configuration).unwrap();
        change(json!({"Timeout": 7, "TracingConfig": {"Mode": "Active"}})).apply(&mut configuration).unwrap();
        assert_eq!((&*configuration.handler, configuration.timeout), ("a", 7));
        assert_eq!(configuration.variables.as_ref().unwrap()["AB"], "1");
        assert_eq!(configuration.told["TracingConfig"]["Mode"], "Active");
    }

    #[track_caller]
    fn check_refused(body: Value, expected: &str) {
        let refused = change(body).apply(&mut Configuration::new()).unwrap_err();
        assert!(refused.message.contains(expected), "{}", refused.message);
    }

    #[test]
    fn variables_that_lambda_sets_or_cannot_hold_are_refused_without_being_told() {
        check_refused(json!({"Environment": {"Variables": {"AWS_REGION": "x"}}}), "this request: AWS_REGION");
        check_refused(json!({"Environment": {"Variables": {"1A": "x"}}}), "environment.variables");
        let large = "secret".repeat(1_000);
        check_refused(json!({"Environment": {"Variables": {"AB": large}}}), "exceeded the 4KB limit.");
    }

    #[test]
    fn images_and_layers_are_not_here() {
        check_refused(json!({"PackageType": "Image"}), "Container images");
        check_refused(json!({"Layers": ["arn:aws:lambda:us-east-1:000000000000:layer:a:1"]}), "no layers");
    }
}
