//! `FunctionConfiguration`, as every call tells it.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{House, subject::arn};
use crate::{
    deploy::record::{Edition, StoredCode},
    function::{DurableConfig, Version},
    settings::Settings,
};

/// One version of a function, to be told.
pub(super) struct View<'a> {
    pub(super) name: &'a str,
    pub(super) version: Version,
    /// In the ARN. `None`: it has none.
    pub(super) qualifier: Option<&'a str>,
    pub(super) edition: &'a Edition,
    /// The edition's code, measured.
    pub(super) code: StoredCode,
}

impl<'a> View<'a> {
    /// # Errors
    /// Nothing can be deployed here, so that nothing is told of it.
    pub(super) async fn of(
        name: &'a str,
        version: Version,
        qualifier: Option<&'a str>,
        edition: &'a Edition,
        house: House<'_>,
    ) -> Result<Self, lambda_protocol::api_error::ApiError> {
        let code = house.deployments()?.measured(edition, name, house.runner).await;
        Ok(Self { name, version, qualifier, edition, code })
    }

    /// What was made or changed is ready when its call is answered, so that `State` and `LastUpdateStatus` are final at once.
    pub(super) fn render(&self, settings: &Settings) -> Value {
        let Self { name, version, qualifier, edition, code } = self;
        let configuration = &edition.configuration;
        let mut all = json!({
            "FunctionName": name,
            "FunctionArn": arn(name, *qualifier, settings),
            "Runtime": configuration.runtime,
            "Role": role(&configuration.role, settings),
            "Handler": configuration.handler,
            "CodeSize": code.bytes,
            "Description": configuration.description,
            "Timeout": configuration.timeout,
            "MemorySize": configuration.memory_mb,
            "LastModified": modified(edition.modified_ms),
            "CodeSha256": code.sha256,
            "Version": version.to_string(),
            "TracingConfig": {"Mode": "PassThrough"},
            "RevisionId": edition.revision.to_string(),
            "State": "Active",
            "LastUpdateStatus": "Successful",
            "PackageType": "Zip",
            "Architectures": [configuration.architecture],
            "EphemeralStorage": {"Size": 512},
            "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
            "LoggingConfig": {"LogFormat": "Text", "LogGroup": format!("/aws/lambda/{name}")},
        });
        let members = all.as_object_mut().expect("an object just above");
        if let Some(variables) = &configuration.variables {
            members.insert("Environment".to_owned(), json!({ "Variables": variables }));
        }
        if let Some(arn) = &configuration.dead_letter {
            members.insert("DeadLetterConfig".to_owned(), json!({ "TargetArn": arn }));
        }
        if let Some(durable) = configuration.durable {
            members.insert("DurableConfig".to_owned(), durable_config(durable));
        }
        for (name, told) in &configuration.told {
            match (members.get_mut(name), told) {
                (Some(Value::Object(ours)), Value::Object(theirs)) => ours.extend(theirs.clone()),
                _ => drop(members.insert(name.clone(), told.clone())),
            }
        }
        all
    }
}

/// Source: service model, `DurableConfig`.
pub(super) fn durable_config(config: DurableConfig) -> Value {
    let DurableConfig { execution_timeout_s, retention_days } = config;
    json!({ "ExecutionTimeout": execution_timeout_s, "RetentionPeriodInDays": retention_days })
}

/// The functions of the template have none of their own.
fn role(role: &str, settings: &Settings) -> String {
    match role {
        "" => format!("arn:aws:iam::{}:role/stayput-template", settings.account),
        role => role.to_owned(),
    }
}

/// `2026-11-25T02:26:54.000+0000`. Source: recorded answers.
fn modified(ms: u64) -> String {
    timestamp(ms).strftime("%Y-%m-%dT%H:%M:%S.%3f+0000").to_string()
}

/// `2026-11-25T02:26:54.123Z`, as calls of function URLs tell it.
pub(super) fn iso(ms: u64) -> String {
    timestamp(ms).strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

fn timestamp(ms: u64) -> Timestamp {
    i64::try_from(ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok()).unwrap_or_default()
}
