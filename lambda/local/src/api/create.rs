//! `CreateFunction`.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::Response;
use lambda_protocol::{
    api_error::ApiError,
    quotas::FUNCTION_NAME_BYTES,
    validation::{self, Violation},
};
use serde::Deserialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{
    House,
    code::Code,
    created,
    functions::{renew, tell},
    read,
    subject::{Subject, invalid},
    tags, versions,
};
use crate::{
    deploy::{
        configuration::{Change, Configuration},
        record::{Edition, Record},
    },
    function::Version,
};

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Create<'a> {
    function_name: Option<String>,
    #[serde(borrow)]
    code: Code<'a>,
    publish: Option<bool>,
    tags: Option<BTreeMap<String, String>>,
    #[serde(flatten)]
    change: Map<String, Value>,
}

pub(super) async fn create(body: &[u8], house: House<'_>) -> Result<Response<Bytes>, ApiError> {
    let Create { function_name, code, publish, tags, change } = read(body)?;
    let change: Change =
        serde_json::from_value(Value::Object(change)).map_err(|_| ApiError::could_not_deserialize())?;
    let mut violations = Vec::new();
    let given = function_name.unwrap_or_default();
    if given.is_empty() {
        violations.push(Violation::missing("functionName"));
    }
    change.check_new(&mut violations);
    if !violations.is_empty() {
        return Err(validation::error(&violations));
    }
    let Subject { name, .. } = Subject::named(&given, house.settings())?;
    if name.len() > FUNCTION_NAME_BYTES {
        return Err(validation::error(&[Violation::too_long(&name, "functionName", FUNCTION_NAME_BYTES)]));
    }
    if house.functions().named(&name).is_some() {
        return Err(ApiError::function_exists(&name));
    }
    let mut configuration = Configuration::new();
    change.apply(&mut configuration)?;
    if configuration.runtime.is_empty() || configuration.handler.is_empty() {
        return Err(invalid(
            "Runtime and Handler are mandatory parameters for functions created with deployment packages.",
        ));
    }
    let tags = tags.unwrap_or_default();
    tags::check(&tags)?;
    let code = code.store(house).await?;
    let mut edition = Edition { configuration, code, modified_ms: 0, revision: Uuid::nil() };
    renew(&mut edition);
    let mut record = Record { latest: Some(edition), tags, ..Record::default() };
    let version = if publish == Some(true) { versions::publish(&mut record, None) } else { Version::Latest };
    house.deployments()?.create(&name, record, house.runner).await?;
    tell(&name, version, house).await.map(created)
}
