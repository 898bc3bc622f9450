//! Aliases: names for versions.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{Method, Response};
use lambda_protocol::{
    api_error::ApiError,
    function::FunctionArn,
    validation::{self, Violation},
};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    House, Route, created, decoded, json as answer_json, nothing, page, parameter, read,
    subject::{Subject, arn, check_revision, invalid, required},
};
use crate::{
    deploy::record::{Alias, Record},
    events::config::key,
    function::Version,
};

#[derive(Debug)]
pub(crate) struct Call {
    operation: Operation,
    label: String,
    query: String,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Operation {
    Create,
    List,
    Get(String),
    Update(String),
    Delete(String),
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Body {
    name: Option<String>,
    function_version: Option<String>,
    description: Option<String>,
    routing_config: Option<RoutingConfig>,
    revision_id: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct RoutingConfig {
    additional_version_weights: BTreeMap<String, f64>,
}

impl Call {
    pub(super) fn route(route: Route<'_>) -> Option<Self> {
        let (operation, label) = match (route.method, route.parts) {
            (&Method::POST, ["2015-03-31", "functions", label, "aliases"]) => (Operation::Create, label),
            (&Method::GET, ["2015-03-31", "functions", label, "aliases"]) => (Operation::List, label),
            (method, ["2015-03-31", "functions", label, "aliases", alias]) => {
                let alias = decoded(alias);
                let operation = match *method {
                    Method::GET => Operation::Get(alias),
                    Method::PUT => Operation::Update(alias),
                    Method::DELETE => Operation::Delete(alias),
                    _ => return None,
                };
                (operation, label)
            }
            _ => return None,
        };
        Some(Self { operation, label: (*label).to_owned(), query: route.query.to_owned() })
    }

    pub(super) async fn answer(self, body: &[u8], house: House<'_>) -> Result<Response<Bytes>, ApiError> {
        let subject = Subject::whole(&self.label, house.settings())?;
        let record = subject.record(house)?;
        let function = &*subject.name;
        let render = |name: &str, alias: &Alias| render(function, name, alias, house);
        let missing = |name: &str| ApiError::no_alias(arn(function, Some(name), house.settings()));
        match self.operation {
            Operation::List => {
                let only = parameter(&self.query, "FunctionVersion").filter(|version| !version.is_empty());
                let all = record.aliases.iter();
                let all = all.filter(|(_, alias)| only.as_ref().is_none_or(|only| alias.leads_to(only)));
                let told = all.map(|(name, alias)| (name.clone(), render(name, alias)));
                Ok(answer_json(page(told, &self.query, MAX_ITEMS).render("Aliases")))
            }
            Operation::Get(name) => {
                let alias = record.aliases.get(&name).ok_or_else(|| missing(&name))?;
                Ok(answer_json(render(&name, alias)))
            }
            Operation::Create => {
                let body: Body = read(body)?;
                let name = required(body.name.clone(), "name")?;
                check_name(&name)?;
                required(body.function_version.clone(), "functionVersion")?;
                let write = |record: &mut Record| {
                    if record.aliases.contains_key(&name) {
                        return Err(ApiError::alias_exists(arn(function, Some(&name), house.settings())));
                    }
                    body.apply(record, &name, Alias::of_latest(), function, house)
                };
                let alias = house.deployments()?.change(function, house.runner, write).await?;
                Ok(created(render(&name, &alias)))
            }
            Operation::Update(name) => {
                let body: Body = read(body)?;
                let write = |record: &mut Record| {
                    let alias = record.aliases.get(&name).cloned().ok_or_else(|| missing(&name))?;
                    check_revision(body.revision_id.as_deref(), alias.revision)?;
                    body.apply(record, &name, alias, function, house)
                };
                let alias = house.deployments()?.change(function, house.runner, write).await?;
                Ok(answer_json(render(&name, &alias)))
            }
            // One that is not there is no mistake (recorded).
            Operation::Delete(name) => {
                let write = |record: &mut Record| {
                    record.urls.remove(&name);
                    record.policies.remove(&name);
                    Ok(record.aliases.remove(&name).is_some())
                };
                if house.deployments()?.change(function, house.runner, write).await? {
                    house.configs.forget(&key(function, Some(&name))).await;
                }
                Ok(nothing())
            }
        }
    }
}

impl Body {
    /// The alias as it is from now on.
    ///
    /// # Errors
    /// It would lead to what is not there, or to more than one beside `$LATEST`.
    fn apply(
        self,
        record: &mut Record,
        name: &str,
        mut alias: Alias,
        function: &str,
        house: House<'_>,
    ) -> Result<Alias, ApiError> {
        let find = |text: &str| {
            let Some(version) = Version::parse(text) else {
                let violation = Violation::pattern(text, "functionVersion", r"(\$LATEST|[0-9]+)");
                return Err(validation::error(&[violation]));
            };
            match record.edition(version) {
                Some(_) => Ok(version),
                None => {
                    let (region, account) = (&*house.settings().region, &*house.settings().account);
                    let qualifier = Some(text);
                    Err(ApiError::function_not_found(&FunctionArn {
                        region,
                        account,
                        name: function,
                        qualifier,
                    }))
                }
            }
        };
        if let Some(version) = &self.function_version {
            alias.version = find(version)?;
        }
        if let Some(RoutingConfig { additional_version_weights: weights }) = self.routing_config {
            alias.weights.clear();
            if weights.len() > 1 {
                return Err(invalid(
                    "The number of items in AdditionalVersionWeights cannot be greater than 1",
                ));
            }
            for (version, weight) in weights {
                let Version::Published(number) = find(&version)? else {
                    return Err(invalid(
                        "$LATEST is not supported for an alias pointing to more than 1 version",
                    ));
                };
                if !(0.0..=1.0).contains(&weight) {
                    return Err(validation::error(&[Violation::new(
                        &weight.to_string(),
                        "routingConfig.additionalVersionWeights",
                        "Member must have value between 0.0 and 1.0",
                    )]));
                }
                alias.weights.insert(number, weight);
            }
        }
        match alias.version {
            Version::Latest if !alias.weights.is_empty() => {
                return Err(invalid("$LATEST is not supported for an alias pointing to more than 1 version"));
            }
            Version::Published(number) if alias.weights.contains_key(&number) => {
                let text = format!(
                    "Invalid function version {number}. Function version {number} is already included in \
                                    routing configuration."
                );
                return Err(invalid(text));
            }
            Version::Latest | Version::Published(_) => {}
        }
        if let Some(description) = self.description {
            alias.description = description;
        }
        alias.revision = Uuid::new_v4();
        record.aliases.insert(name.to_owned(), alias.clone());
        Ok(alias)
    }
}

impl Alias {
    fn leads_to(&self, version: &str) -> bool {
        let weighted = || self.weights.keys().any(|number| number.to_string() == version);
        self.version.to_string() == version || weighted()
    }
}

fn render(function: &str, name: &str, alias: &Alias, house: House<'_>) -> String {
    let mut told = json!({
        "AliasArn": arn(function, Some(name), house.settings()),
        "Name": name,
        "FunctionVersion": alias.version.to_string(),
        "Description": alias.description,
        "RevisionId": alias.revision.to_string(),
    });
    if !alias.weights.is_empty() {
        let weights = alias.weights.iter().map(|(number, weight)| (number.to_string(), *weight));
        let weights: serde_json::Map<String, Value> =
            weights.map(|(number, weight)| (number, weight.into())).collect();
        told["RoutingConfig"] = json!({ "AdditionalVersionWeights": weights });
    }
    told.to_string()
}

/// # Errors
/// It is no alias's name: a number would be a version's.
fn check_name(name: &str) -> Result<(), ApiError> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    let mut violations = Vec::new();
    if !name.bytes().all(plain) || name.bytes().all(|b| b.is_ascii_digit()) {
        violations.push(Violation::pattern(name, "name", r"(?!^[0-9]+$)([a-zA-Z0-9-_]+)"));
    }
    if name.len() > NAME_BYTES {
        violations.push(Violation::too_long(name, "name", NAME_BYTES));
    }
    if violations.is_empty() { Ok(()) } else { Err(validation::error(&violations)) }
}

/// Source: service model, `Alias`.
const NAME_BYTES: usize = 128;

/// Source: a page of aliases has 50.
const MAX_ITEMS: u32 = 50;
