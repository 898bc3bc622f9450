//! Asynchronous calls over the admin listener.
//!
//! ```text
//! GET  /events?state=&function=&host=&since=&until=&limit=&page=     POST /events/{redrive|cancel|purge}?…&confirm=true
//! GET  /events/{id}                                                  POST /events/{id}/{redrive|cancel|purge}
//! GET  /calls/{id}
//! ```
//!
//! No key is asked for here, so a request that changes something must have [`X_STAYPUT_ADMIN`]: a web page cannot send it to
//! another origin without asking first, and nobody says yes to that.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};
use serde_json::json;

use super::{method_not_allowed, of_type};
use crate::{
    body::Body,
    events::{Act, Filter, MAX_PAGE, Steered, View, ViewError},
};

/// With any value.
pub const X_STAYPUT_ADMIN: HeaderName = HeaderName::from_static("x-stayput-admin");

/// A question about events, or an order.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Asked {
    List { filter: Filter, from: Option<String>, limit: usize },
    Show { id: String },
    Steer { id: String, act: Act },
    SteerThose { filter: Filter, act: Act },
}

/// Why nothing is done. The words are for whoever asked.
#[derive(Debug, Eq, PartialEq)]
struct Refused {
    status: StatusCode,
    message: String,
}

/// Answers what is asked under `/events`; `rest` is the path behind that.
pub(super) async fn answer(
    events: Option<&View>,
    head: (&Method, &HeaderMap),
    rest: &str,
    query: &str,
) -> Response<Body> {
    let answered = match parse(head, rest, query) {
        Ok(Some(asked)) => match events {
            Some(events) => serve(events, asked).await,
            None => Err(Refused::not_visible()),
        },
        Ok(None) => return method_not_allowed(if rest.is_empty() { "GET, HEAD" } else { "GET, HEAD, POST" }),
        Err(refused) => Err(refused),
    };
    answered.unwrap_or_else(Response::from)
}

/// Answers what is asked of one call, by any id that its caller was given or gave it.
pub(super) async fn answer_call(events: Option<&View>, method: &Method, id: &str) -> Response<Body> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return method_not_allowed("GET, HEAD");
    }
    let Some(events) = events else { return Refused::not_visible().into() };
    match events.calls(&unescaped(id)).await {
        Ok(calls) if calls.is_empty() => Refused::new(StatusCode::NOT_FOUND, NOT_REMEMBERED).into(),
        Ok(calls) => json(StatusCode::OK, &json!({ "calls": calls })),
        Err(error) => Refused::from(error).into(),
    }
}

/// As the command line escapes an id, so that it is one part of a path.
fn unescaped(id: &str) -> String {
    form_urlencoded::parse(format!("id={id}").as_bytes())
        .next()
        .map(|(_, id)| id.into_owned())
        .unwrap_or_default()
}

/// `None`: not with this method.
fn parse(
    (method, headers): (&Method, &HeaderMap),
    rest: &str,
    query: &str,
) -> Result<Option<Asked>, Refused> {
    let mut query: BTreeMap<String, String> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let parts: Vec<_> = rest.split('/').skip(1).collect();
    let is_question = matches!(*method, Method::GET | Method::HEAD);
    let asked = match (parts.as_slice(), is_question) {
        ([], true) => {
            let filter = filter(&mut query)?;
            let from = query.remove("page");
            let limit = query.remove("limit").map(|text| limit(&text)).transpose()?;
            Asked::List { filter, from, limit: limit.unwrap_or(DEFAULT_PAGE) }
        }
        ([id], true) => Asked::Show { id: unescaped(id) },
        ([act], false) if *method == Method::POST => {
            let (act, filter) = (parse_act(act)?, filter(&mut query)?);
            if query.remove("confirm").as_deref() != Some("true") {
                return Err(Refused::bad("this may be about many calls; say confirm=true"));
            }
            Asked::SteerThose { filter, act }
        }
        ([id, act], false) if *method == Method::POST => {
            Asked::Steer { id: unescaped(id), act: parse_act(act)? }
        }
        ([] | [_] | [_, _], _) => return Ok(None),
        _ => return Err(Refused::new(StatusCode::NOT_FOUND, NO_SUCH_PATH)),
    };
    if let Some(name) = query.keys().next() {
        return Err(Refused::bad(format!("{name:?} is unknown here")));
    }
    if !is_question && !headers.contains_key(X_STAYPUT_ADMIN) {
        return Err(Refused::new(
            StatusCode::FORBIDDEN,
            "what changes something needs the header X-Stayput-Admin: 1",
        ));
    }
    Ok(Some(asked))
}

async fn serve(events: &View, asked: Asked) -> Result<Response<Body>, Refused> {
    match asked {
        Asked::List { filter, from, limit } => {
            let listed = events.list(filter, from.as_deref(), limit).await?;
            Ok(json(StatusCode::OK, &json!({ "events": listed.events, "next": listed.next })))
        }
        Asked::Show { id } => {
            let found = events.find(&id).await?;
            if found.is_empty() {
                Err(Refused::unknown())
            } else {
                Ok(json(StatusCode::OK, &json!({ "events": found })))
            }
        }
        Asked::Steer { id, act } => {
            let steered = events.steer(&id, act).await?;
            match (steered.done.is_empty(), steered.left.is_empty()) {
                (true, true) => Err(Refused::unknown()),
                (true, false) => Err(Refused::new(StatusCode::CONFLICT, misfit(act))),
                (false, _) => Ok(told(&steered)),
            }
        }
        Asked::SteerThose { filter, act } => {
            let steered = events.steer_those(filter, act).await?;
            Ok(told(&steered))
        }
    }
}

fn told(Steered { done, left, more }: &Steered) -> Response<Body> {
    json(StatusCode::OK, &json!({ "done": done, "left": left, "more": more }))
}

fn filter(query: &mut BTreeMap<String, String>) -> Result<Filter, Refused> {
    Filter::take(query).map_err(|error| Refused::bad(error.to_string()))
}

fn limit(text: &str) -> Result<usize, Refused> {
    let limit = text.parse().ok().filter(|limit| (1..=MAX_PAGE).contains(limit));
    limit.ok_or_else(|| Refused::bad(format!("limit: {text:?} is not a number from 1 to {MAX_PAGE}")))
}

fn parse_act(word: &str) -> Result<Act, Refused> {
    Act::parse(word).ok_or_else(|| Refused::new(StatusCode::NOT_FOUND, NO_SUCH_PATH))
}

/// Why it was not done.
fn misfit(act: Act) -> &'static str {
    match act {
        Act::Redrive => "it is not dead",
        Act::Cancel => "it runs at this moment, or is dead",
        Act::Purge => "it is not dead; cancel takes back what waits",
    }
}

impl Refused {
    fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    fn not_visible() -> Self {
        Self::new(StatusCode::NOT_IMPLEMENTED, NOT_VISIBLE)
    }

    fn unknown() -> Self {
        Self::new(StatusCode::NOT_FOUND, "there is no such call: it is over, or never was")
    }
}

impl From<ViewError> for Refused {
    fn from(error: ViewError) -> Self {
        match error {
            ViewError::NotVisible(why) => Self::new(StatusCode::NOT_IMPLEMENTED, why),
            ViewError::Page(_) => Self::bad(error.to_string()),
            ViewError::Broken(_) => {
                tracing::error!(error = &error as &dyn std::error::Error, "nothing can be seen or done");
                let message = "what is kept of the calls cannot be read or written; the log says why";
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, message)
            }
        }
    }
}

impl From<Refused> for Response<Body> {
    fn from(Refused { status, message }: Refused) -> Self {
        json(status, &json!({ "message": message }))
    }
}

fn json(status: StatusCode, value: &serde_json::Value) -> Response<Body> {
    let mut answer = of_type("application/json", Bytes::from(format!("{value}\n")));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

const NOT_VISIBLE: &str =
    "queued and running calls are not visible on AWS: Lambda's own queue tells nobody what is in it";

const NO_SUCH_PATH: &str = "here are /events, /events/ID, and POST /events/ID/redrive, cancel or purge";

const NOT_REMEMBERED: &str = "no call of that id is remembered: it is too long ago, or never was";

const DEFAULT_PAGE: usize = 100;

#[cfg(test)]
mod tests;
