//! Durable executions: checkpoints and pages of their state for the functions, the rest for people and tools.
//!
//! Source: service model, `/2025-12-01/durable-executions`.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Response, StatusCode, request};
use jiff::Timestamp;
use lambda_durable::{
    Effects, End, ErrorObject, Event, Execution, Host, Moment, OperationUpdate, Outcome, Refusal, limits,
};
use lambda_protocol::{
    api_error::{ApiError, ErrorCode},
    function::Qualifier,
    validation,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    House, Route, decoded, json as answer_json, parameter, parameters, read,
    subject::{Subject, invalid},
    view::durable_config,
};
use crate::{
    executions::{About, Executions, Failure, id_of, store::Wanted},
    settings::Settings,
};

#[derive(Debug)]
pub(crate) struct Call {
    operation: Operation,
    /// An execution's ARN, or a function; still encoded.
    label: String,
    query: String,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Operation {
    Checkpoint,
    State,
    Get,
    History,
    List,
    Stop,
    Pause,
    Resume,
    Delete,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Checkpoint {
    checkpoint_token: String,
    client_token: Option<String>,
    updates: Vec<OperationUpdate>,
}

impl Call {
    pub(super) fn route(route: Route<'_>) -> Option<Self> {
        let (operation, label) = match (route.method, route.parts) {
            (&Method::POST, [DATE, EXECUTIONS, arn, "checkpoint"]) => (Operation::Checkpoint, arn),
            (&Method::GET, [DATE, EXECUTIONS, arn, "state"]) => (Operation::State, arn),
            (&Method::GET, [DATE, EXECUTIONS, arn]) => (Operation::Get, arn),
            (&Method::GET, [DATE, EXECUTIONS, arn, "history"]) => (Operation::History, arn),
            (&Method::GET, [DATE, "functions", function, EXECUTIONS]) => (Operation::List, function),
            (&Method::POST, [DATE, EXECUTIONS, arn, "stop"]) => (Operation::Stop, arn),
            (&Method::POST, [DATE, EXECUTIONS, arn, "pause"]) => (Operation::Pause, arn),
            (&Method::POST, [DATE, EXECUTIONS, arn, "resume"]) => (Operation::Resume, arn),
            (&Method::DELETE, [DATE, EXECUTIONS, arn]) => (Operation::Delete, arn),
            _ => return None,
        };
        Some(Self { operation, label: (*label).to_owned(), query: route.query.to_owned() })
    }

    pub(super) async fn answer(self, body: &[u8], house: House<'_>) -> Result<Response<Bytes>, ApiError> {
        let executions = house.executions()?;
        if self.operation == Operation::List {
            return self.list(executions, house.settings()).await;
        }
        let arn = decoded(&self.label);
        let id =
            id_of(&arn).ok_or_else(|| invalid(format_args!("{arn} is no ARN of a durable execution.")))?;
        let answered = match self.operation {
            Operation::Checkpoint => checkpoint(id, body, executions).await,
            Operation::State => self.state(id, executions).await,
            Operation::Get => self.get(id, executions, house.settings()).await,
            Operation::History => self.history(id, executions).await,
            Operation::Stop => stop(id, body, executions).await,
            Operation::Pause => {
                paused(executions.change(id, |doing| pause(doing.execution, doing.now)).await)
            }
            Operation::Resume => {
                paused(executions.change(id, |doing| Ok(((), doing.execution.resume(doing.now)?))).await)
            }
            Operation::Delete => delete(id, executions).await,
            // Above.
            Operation::List => Err(Failure::Unknown.into()),
        };
        answered.map_err(|stopped| stopped.into_error(&arn))
    }

    async fn state(&self, id: &str, executions: &Arc<Executions>) -> Answered {
        let token = parameter(&self.query, "CheckpointToken").unwrap_or_default();
        let marker = parameter(&self.query, "Marker").unwrap_or_default();
        let items = items(&self.query)?;
        let page = executions.look(id, |_, execution| execution.state(&token, &marker, Some(items))).await;
        let page = page.map_err(unknown_is_a_stale_token)?.map_err(Failure::from)?;
        Ok(answer_json(json!({ "Operations": page.operations, "NextMarker": page.next_marker }).to_string()))
    }

    async fn get(&self, id: &str, executions: &Arc<Executions>, settings: &Settings) -> Answered {
        let with_data = is_not_false(&self.query, "IncludeExecutionData");
        let told =
            executions.glance(id, |about, execution| view(about, execution, with_data, settings)).await?;
        Ok(answer_json(told.to_string()))
    }

    async fn history(&self, id: &str, executions: &Arc<Executions>) -> Answered {
        let behind = parameter(&self.query, "Marker").filter(|marker| !marker.is_empty());
        let behind =
            behind.map(|marker| marker.parse().map_err(|_| invalid("Invalid marker"))).transpose()?;
        let newest_first = is_true(&self.query, "ReverseOrder");
        let items = items(&self.query)?;
        let found =
            executions.store.events(id, behind, newest_first, items + 1).await.map_err(Failure::from)?;
        if found.is_empty() && executions.store.find(id).await.map_err(Failure::from)?.is_none() {
            return Err(Failure::Unknown.into());
        }
        let with_data = is_true(&self.query, "IncludeExecutionData");
        let events = found.iter().take(items).map(|text| serde_json::from_str::<Event>(text));
        let events: Vec<Event> =
            events.collect::<Result<_, _>>().map_err(|error| ApiError::service(&error))?;
        let next = events.last().filter(|_| found.len() > items).map(|last| last.number.to_string());
        let told: Vec<_> = events.iter().map(|event| event.to_json(with_data)).collect();
        Ok(answer_json(page("Events", told, next)))
    }

    async fn list(
        &self,
        executions: &Arc<Executions>,
        settings: &Settings,
    ) -> Result<Response<Bytes>, ApiError> {
        let subject = Subject::read(&self.label, &self.query, settings)?;
        let qualifier = subject.qualifier.as_ref().map(Qualifier::as_str);
        let at = executions.runner.functions.place(&subject.name, qualifier);
        let at = at.ok_or_else(|| subject.not_found(settings))?;
        let version = qualifier.map(|_| executions.runner.functions.get(at).version.to_string());
        let items = items(&self.query)?;
        let wanted = Wanted {
            function: subject.name.clone(),
            version,
            name: parameter(&self.query, "DurableExecutionName"),
            statuses: parameters(&self.query, "Statuses").collect(),
            after: moment(&self.query, "StartedAfter")?,
            before: moment(&self.query, "StartedBefore")?,
            newest_first: is_true(&self.query, "ReverseOrder"),
            behind: marker(&self.query)?,
            items: items + 1,
        };
        let found = executions.store.list(wanted).await?;
        let mut told = Vec::new();
        let mut last = None;
        for found in found.iter().take(items) {
            let about: About =
                serde_json::from_str(&found.about).map_err(|error| ApiError::service(&error))?;
            let mut item = json!({
                "DurableExecutionArn": about.arn(settings),
                "DurableExecutionName": about.name,
                "FunctionArn": about.version_arn(settings),
                "Status": found.status,
                "StartTimestamp": seconds(Moment(found.started)),
            });
            if let Some(ended) = found.ended {
                item["EndTimestamp"] = seconds(Moment(ended));
            }
            told.push(item);
            last = Some(format!("{}.{}", found.started, about.id));
        }
        Ok(answer_json(page("DurableExecutions", told, last.filter(|_| found.len() > items))))
    }
}

/// Whether it is a checkpoint, which may be larger than other requests.
pub(crate) fn is_checkpoint(head: &request::Parts) -> bool {
    let path = head.uri.path();
    path.starts_with("/2025-12-01/durable-executions/") && path.ends_with("/checkpoint")
}

/// A call's answer, or why there is none.
type Answered = Result<Response<Bytes>, Stopped>;

/// Why a call is refused, before its ARN is put into words.
enum Stopped {
    By(Failure),
    With(ApiError),
}

impl From<Failure> for Stopped {
    fn from(failure: Failure) -> Self {
        Self::By(failure)
    }
}

impl From<ApiError> for Stopped {
    fn from(error: ApiError) -> Self {
        Self::With(error)
    }
}

impl Stopped {
    fn into_error(self, arn: &str) -> ApiError {
        match self {
            Self::With(error) => error,
            Self::By(Failure::Unknown) => {
                ApiError::new(ErrorCode::ResourceNotFound, format_args!("Durable execution not found: {arn}"))
            }
            Self::By(Failure::Refused(refusal)) => refused(&refusal),
            Self::By(Failure::Store(error)) => error.into(),
        }
    }
}

/// A refusal in Lambda's words.
pub(super) fn refused(refusal: &Refusal) -> ApiError {
    let code = match refusal {
        Refusal::Invalid(_) | Refusal::Token => ErrorCode::InvalidParameterValue,
        Refusal::CallbackClosed => ErrorCode::CallbackTimeout,
        Refusal::NoCallback => ErrorCode::ResourceNotFound,
        Refusal::Over => ErrorCode::ResourceConflict,
    };
    ApiError::new(code, refusal)
}

async fn checkpoint(id: &str, body: &[u8], executions: &Arc<Executions>) -> Answered {
    let Checkpoint { checkpoint_token, client_token, updates } = read(body)?;
    let resolving = Arc::clone(executions);
    let taken = executions.change(id, move |doing| {
        let callbacks_of = doing.about.id.clone();
        let mut host = Host {
            callback_id: &mut || super::execution_callbacks::new_id(&callbacks_of),
            resolve: &|name| resolving.resolve(name),
        };
        doing.execution.checkpoint(&checkpoint_token, client_token.as_deref(), &updates, &mut host, doing.now)
    });
    let answer = taken.await.map_err(unknown_is_a_stale_token)?;
    Ok(answer_json(answer.to_json().to_string()))
}

async fn stop(id: &str, body: &[u8], executions: &Arc<Executions>) -> Answered {
    let mut error: ErrorObject = read(body)?;
    if error == ErrorObject::default() {
        error.error_message = Some(STOPPED.to_owned());
    }
    let stopped = executions.change(id, move |doing| {
        let effects = doing.execution.stop(error, doing.now);
        Ok((doing.execution.end.as_ref().map_or(doing.now, |end| end.at), effects))
    });
    Ok(answer_json(json!({ "StopTimestamp": seconds(stopped.await?) }).to_string()))
}

fn pause(execution: &mut Execution, now: Moment) -> Result<((), Effects), Refusal> {
    Ok(((), execution.pause(now)?))
}

fn paused(done: Result<(), Failure>) -> Answered {
    done?;
    Ok(accepted(&json!({})))
}

async fn delete(id: &str, executions: &Arc<Executions>) -> Answered {
    let is_over = executions.glance(id, |_, execution| execution.end.is_some()).await?;
    if !is_over {
        let text = "A durable execution can be deleted once it is over; stop it first.";
        return Err(ApiError::new(ErrorCode::ResourceConflict, text).into());
    }
    executions.remove(id).await.map_err(Failure::from)?;
    Ok(accepted(&json!({ "DeletionRequestTimestamp": seconds(executions.now()) })))
}

/// Source: service model, `GetDurableExecutionResponse`.
fn view(about: &About, execution: &Execution, with_data: bool, settings: &Settings) -> Value {
    let mut told = json!({
        "DurableExecutionArn": execution.arn,
        "DurableExecutionName": about.name,
        "FunctionArn": about.version_arn(settings),
        "StartTimestamp": seconds(execution.started),
        "Status": execution.status(),
        "Version": about.version.to_string(),
        "TraceHeader": {"XAmznTraceId": about.trace},
        "ExecutionDataIncluded": with_data,
        "DurableConfig": durable_config(about.config),
        "ExpectedExecutionTimeoutTimestamp": seconds(execution.deadline),
    });
    if with_data {
        told["InputPayload"] = execution.input.clone().into();
    }
    if let Some(End { at, how }) = &execution.end {
        told["EndTimestamp"] = seconds(*at);
        match how {
            Outcome::Succeeded(result) if with_data => told["Result"] = result.clone().into(),
            Outcome::Failed(error) | Outcome::Stopped(error) if with_data => told["Error"] = json!(error),
            Outcome::Succeeded(_) | Outcome::Failed(_) | Outcome::Stopped(_) | Outcome::TimedOut => {}
        }
    }
    told
}

/// A function whose execution is gone has a token that is of no use any more.
fn unknown_is_a_stale_token(failure: Failure) -> Failure {
    match failure {
        Failure::Unknown => Failure::Refused(Refusal::Token),
        failure => failure,
    }
}

fn accepted(told: &Value) -> Response<Bytes> {
    let mut response = answer_json(told.to_string());
    *response.status_mut() = StatusCode::ACCEPTED;
    response
}

fn page(name: &str, items: Vec<Value>, next: Option<String>) -> String {
    let mut told = Map::from_iter([(name.to_owned(), items.into())]);
    told.extend(next.map(|next| ("NextMarker".to_owned(), next.into())));
    Value::Object(told).to_string()
}

/// 0 asks for as many as there are by default. Source: service model, `ItemCount`.
fn items(query: &str) -> Result<usize, ApiError> {
    let Some(text) = parameter(query, "MaxItems") else { return Ok(limits::PAGE_ITEMS) };
    let asked = validation::bounded(text.parse().ok(), "maxItems", 0, limits::PAGE_ITEMS_MAX);
    match asked.map_err(|violation| validation::error(&[violation]))? {
        0 => Ok(limits::PAGE_ITEMS),
        items => Ok(usize::try_from(items).unwrap_or(usize::MAX)),
    }
}

fn is_true(query: &str, key: &str) -> bool {
    parameter(query, key).is_some_and(|text| text.eq_ignore_ascii_case("true"))
}

fn is_not_false(query: &str, key: &str) -> bool {
    !parameter(query, key).is_some_and(|text| text.eq_ignore_ascii_case("false"))
}

/// A moment in a query: ISO 8601, or seconds.
fn moment(query: &str, key: &str) -> Result<Option<u64>, ApiError> {
    let Some(text) = parameter(query, key) else { return Ok(None) };
    let from_text = || text.parse::<Timestamp>().ok().and_then(|at| u64::try_from(at.as_millisecond()).ok());
    let from_seconds = || {
        let seconds: f64 = text.parse().ok()?;
        std::time::Duration::try_from_secs_f64(seconds).ok().and_then(|at| u64::try_from(at.as_millis()).ok())
    };
    let ms = from_text().or_else(from_seconds);
    ms.map(Some).ok_or_else(|| invalid(format_args!("{key} is no moment: {text}")))
}

fn marker(query: &str) -> Result<Option<(u64, String)>, ApiError> {
    let Some(text) = parameter(query, "Marker").filter(|marker| !marker.is_empty()) else { return Ok(None) };
    let parts = text.split_once('.').and_then(|(ms, id)| Some((ms.parse().ok()?, id.to_owned())));
    parts.map(Some).ok_or_else(|| invalid("Invalid marker"))
}

fn seconds(moment: Moment) -> Value {
    moment.write(lambda_durable::Notation::Seconds)
}

/// What is told of an execution that was stopped without a word. Source: AWS's local runner.
const STOPPED: &str = "Execution stopped by user request";

const DATE: &str = "2025-12-01";
const EXECUTIONS: &str = "durable-executions";
