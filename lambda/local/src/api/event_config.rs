//! The five calls of the event-invoke-config.
//!
//! Source: service model for shapes and routes; statuses, texts and the order of the checks are recorded.

use std::time::SystemTime;

use bytes::Bytes;
use event_queue::Error;
use http::{Method, Response, request};
use lambda_protocol::{
    api_error::ApiError,
    function::{FunctionArn, FunctionRef, Qualifier},
    quotas::{EVENT_AGE_MAX_S, EVENT_AGE_MIN_S, EVENT_RETRIES_MAX},
    validation::{self, Violation},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{House, decoded, label, nothing, page, parameter, read};
use crate::{
    events::{
        config::{self, Dated, epoch_ms},
        inbox::refused,
        targets::{DESTINATION_PATTERN, MAX_DESTINATION_BYTES, Target, is_destination},
    },
    function::EventInvokeConfig,
    functions::check_place,
};

#[derive(Debug)]
pub(crate) struct Call {
    function: String,
    query: String,
    operation: Operation,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Operation {
    /// Replaces what is there.
    Put,
    /// Changes only what it names.
    Update,
    Get,
    Delete,
    List,
}

/// A call whose parameters keep the model.
struct Request {
    function: FunctionRef,
    qualifier: Option<Qualifier>,
    change: Change,
}

/// What a body asks for. `DestinationConfig` is one setting.
#[derive(Default)]
struct Change {
    retries: Option<u32>,
    age_s: Option<u32>,
    destinations: Option<[Option<String>; 2]>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Body {
    maximum_retry_attempts: Option<i64>,
    maximum_event_age_in_seconds: Option<i64>,
    destination_config: Option<Destinations>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Destinations {
    on_success: Option<Destination>,
    on_failure: Option<Destination>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Destination {
    destination: Option<String>,
}

/// Why a change is not made.
enum Stop {
    Refused(ApiError),
    Queue(Error),
}

impl Call {
    pub(super) fn route(head: &request::Parts) -> Option<Self> {
        let path = head.uri.path();
        let (label, operation) = if let Some(label) = label(path, START, "/event-invoke-config/list") {
            (label, (head.method == Method::GET).then_some(Operation::List)?)
        } else {
            let operation = match head.method {
                Method::PUT => Operation::Put,
                Method::POST => Operation::Update,
                Method::GET => Operation::Get,
                Method::DELETE => Operation::Delete,
                _ => return None,
            };
            (label(path, START, "/event-invoke-config")?, operation)
        };
        let query = head.uri.query().unwrap_or_default().to_owned();
        Some(Self { function: decoded(label), query, operation })
    }

    pub(super) async fn answer(self, body: &[u8], house: House<'_>) -> Result<Response<Bytes>, ApiError> {
        let operation = self.operation;
        let request = self.decode(body)?;
        let writes = matches!(operation, Operation::Put | Operation::Update);
        if writes && request.change.is_empty() {
            return Err(ApiError::no_setting());
        }
        if let (Some(inner), Some(outer)) = (&request.function.qualifier, &request.qualifier)
            && inner != outer
        {
            return Err(ApiError::qualifier_mismatch());
        }
        let qualifier = request.qualifier.as_ref().or(request.function.qualifier.as_ref());
        let qualifier = qualifier.map_or(Qualifier::LATEST, Qualifier::as_str);
        check_place(&request.function, Some(qualifier), house.settings())?;
        let (region, account) = (&*house.settings().region, &*house.settings().account);
        let name = &*request.function.name;
        let arn = FunctionArn { region, account, name, qualifier: Some(qualifier) };
        let exists = match operation {
            Operation::List => house.functions().named(name).is_some(),
            _ => house.functions().place(name, Some(qualifier)).is_some(),
        };
        let none = || ApiError::no_event_invoke_config(&arn);
        let key = config::key(name, Some(qualifier));
        match operation {
            Operation::Put | Operation::Update | Operation::List if !exists => {
                Err(ApiError::no_such_function())
            }
            Operation::Get | Operation::Delete if !exists => Err(none()),
            Operation::Get => {
                let dated = house.configs.of(&key).config.ok_or_else(none)?;
                Ok(super::json(render(&dated, &arn)))
            }
            Operation::List => {
                let one = |qualifier: String| {
                    let dated = house.configs.of(&config::key(name, Some(&qualifier))).config?;
                    let rendered = render(&dated, &FunctionArn { qualifier: Some(&qualifier), ..arn });
                    Some((qualifier, rendered))
                };
                let all = house.functions().entry(name).into_iter().flat_map(|named| named.qualifiers());
                let page = page(all.filter_map(one), &self.query, MAX_ITEMS);
                Ok(super::json(page.render("FunctionEventInvokeConfigs")))
            }
            Operation::Delete => {
                let delete = |known: Option<&Dated>| match known {
                    Some(_) => Ok(None),
                    None => Err(Stop::Refused(none())),
                };
                house.configs.change(&key, delete).await?;
                Ok(nothing())
            }
            Operation::Put | Operation::Update => {
                request.change.check(name, house)?;
                let change = request.change;
                let write = |known: Option<&Dated>| {
                    let before = match known {
                        Some(known) if operation == Operation::Update => known.config.clone(),
                        None if operation == Operation::Update => return Err(Stop::Refused(none())),
                        Some(_) | None => EventInvokeConfig::default(),
                    };
                    let config = change.over(before);
                    Ok(Some(Dated { config, modified_ms: epoch_ms(SystemTime::now()) }))
                };
                let dated = house.configs.change(&key, write).await?.ok_or_else(none)?;
                Ok(super::json(render(&dated, &arn)))
            }
        }
    }

    fn decode(&self, body: &[u8]) -> Result<Request, ApiError> {
        let mut violations = Vec::new();
        let function = FunctionRef::check(&self.function).map_err(|found| violations.extend(found));
        let is_list = self.operation == Operation::List;
        let qualifier = parameter(&self.query, "Qualifier").filter(|_| !is_list);
        let qualifier = qualifier.map(|text| Qualifier::check(&text)).transpose();
        let qualifier = qualifier.map_err(|found| violations.extend(found));
        if let Some(items) = parameter(&self.query, "MaxItems").filter(|_| is_list) {
            violations.extend(validation::bounded(items.parse().ok(), "maxItems", 1, MAX_ITEMS).err());
        }
        let change = match self.operation {
            Operation::Put | Operation::Update => Change::read(read(body)?, &mut violations),
            Operation::Get | Operation::Delete | Operation::List => Change::default(),
        };
        match (function, qualifier) {
            (Ok(function), Ok(qualifier)) if violations.is_empty() => {
                Ok(Request { function, qualifier, change })
            }
            _ => Err(validation::error(&violations)),
        }
    }
}

impl Change {
    fn read(body: Body, violations: &mut Vec<Violation>) -> Self {
        let mut number = |value: Option<i64>, field, least, most| {
            let checked = value.map(|value| validation::bounded(Some(value), field, least, most)).transpose();
            checked.map_err(|violation| violations.push(violation)).unwrap_or_default()
        };
        let retries = number(body.maximum_retry_attempts, "maximumRetryAttempts", 0, EVENT_RETRIES_MAX);
        let age = body.maximum_event_age_in_seconds;
        let age_s = number(age, "maximumEventAgeInSeconds", EVENT_AGE_MIN_S, EVENT_AGE_MAX_S);
        let mut side = |destination: Option<Destination>, field: &str| {
            let arn = destination?.destination?;
            if !is_destination(&arn) {
                violations.push(Violation::pattern(&arn, field, DESTINATION_PATTERN));
            }
            if arn.len() > MAX_DESTINATION_BYTES {
                violations.push(Violation::too_long(&arn, field, MAX_DESTINATION_BYTES));
            }
            // An empty one clears the side.
            Some(arn).filter(|arn| !arn.is_empty())
        };
        let destinations = body.destination_config.map(|Destinations { on_success, on_failure }| {
            [
                side(on_success, "destinationConfig.onSuccess.destination"),
                side(on_failure, "destinationConfig.onFailure.destination"),
            ]
        });
        Self { retries, age_s, destinations }
    }

    fn is_empty(&self) -> bool {
        self.retries.is_none() && self.age_s.is_none() && self.destinations.is_none()
    }

    /// # Errors
    /// A destination that cannot be one, or is the function itself.
    fn check(&self, function: &str, house: House<'_>) -> Result<(), ApiError> {
        let Some(sides @ [on_success, on_failure]) = &self.destinations else { return Ok(()) };
        for arn in sides.iter().flatten() {
            match Target::parse(arn, house.settings()) {
                Target::Sqs(_) => {}
                Target::Function { name, .. } if name == function => {
                    return Err(ApiError::destination_itself());
                }
                Target::Function { name, qualifier } => {
                    if house.functions().place(&name, qualifier.as_deref()).is_none() {
                        return Err(ApiError::destination_missing(arn));
                    }
                }
                Target::Elsewhere if arn.split(':').nth(2) == Some("lambda") => {
                    return Err(ApiError::destination_missing(arn));
                }
                Target::Elsewhere => {
                    return Err(ApiError::destination_unsupported(
                        on_success.as_deref(),
                        on_failure.as_deref(),
                    ));
                }
            }
        }
        Ok(())
    }

    fn over(self, config: EventInvokeConfig) -> EventInvokeConfig {
        let [on_success, on_failure] = self.destinations.unwrap_or([config.on_success, config.on_failure]);
        EventInvokeConfig {
            maximum_retry_attempts: self.retries.or(config.maximum_retry_attempts),
            maximum_event_age_s: self.age_s.or(config.maximum_event_age_s),
            on_success,
            on_failure,
        }
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Queue(error)
    }
}

impl From<Stop> for ApiError {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Refused(error) => error,
            Stop::Queue(error) => refused(&error),
        }
    }
}

/// Numbers that were not set are left out; both destinations are always there.
fn render(dated: &Dated, arn: &FunctionArn<'_>) -> String {
    let EventInvokeConfig { maximum_retry_attempts, maximum_event_age_s, on_success, on_failure } =
        &dated.config;
    let mut members = Map::new();
    members.insert("FunctionArn".to_owned(), arn.to_string().into());
    if let Some(retries) = maximum_retry_attempts {
        members.insert("MaximumRetryAttempts".to_owned(), (*retries).into());
    }
    if let Some(age) = maximum_event_age_s {
        members.insert("MaximumEventAgeInSeconds".to_owned(), (*age).into());
    }
    let side =
        |arn: &Option<String>| arn.as_ref().map_or_else(|| json!({}), |arn| json!({"Destination": arn}));
    let destinations = json!({"OnSuccess": side(on_success), "OnFailure": side(on_failure)});
    members.insert("DestinationConfig".to_owned(), destinations);
    let rest = Value::Object(members).to_string();
    format!(r#"{{"LastModified":{},{}"#, dated.modified_s(), &rest[1..])
}

const START: &str = "/2019-09-25/functions/";

/// Source: service model, `MaxFunctionEventInvokeConfigListItems`.
const MAX_ITEMS: u32 = 50;
