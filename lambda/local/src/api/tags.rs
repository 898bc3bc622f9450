//! `TagResource`, `UntagResource` and `ListTags`, of functions.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{Method, Response};
use lambda_protocol::api_error::ApiError;
use serde::Deserialize;
use serde_json::json;

use super::{
    House, Route, json as answer_json, nothing, parameters, read,
    subject::{Subject, invalid, required},
};
use crate::deploy::record::Record;

#[derive(Debug)]
pub(crate) struct Call {
    operation: Operation,
    /// An ARN, still encoded.
    label: String,
    query: String,
}

#[derive(Clone, Copy, Debug)]
enum Operation {
    Tag,
    Untag,
    List,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Body {
    tags: Option<BTreeMap<String, String>>,
}

impl Call {
    pub(super) fn route(route: Route<'_>) -> Option<Self> {
        let ["2017-03-31", "tags", label] = route.parts else { return None };
        let operation = match *route.method {
            Method::POST => Operation::Tag,
            Method::DELETE => Operation::Untag,
            Method::GET => Operation::List,
            _ => return None,
        };
        Some(Self { operation, label: (*label).to_owned(), query: route.query.to_owned() })
    }

    pub(super) async fn answer(self, body: &[u8], house: House<'_>) -> Result<Response<Bytes>, ApiError> {
        let subject = Subject::whole(&self.label, house.settings())?;
        let record = subject.record(house)?;
        let deployments = house.deployments()?;
        match self.operation {
            Operation::List => return Ok(answer_json(json!({ "Tags": record.tags }).to_string())),
            Operation::Tag => {
                let new = required(read::<Body>(body)?.tags, "tags")?;
                let write = |record: &mut Record| {
                    record.tags.extend(new);
                    check(&record.tags)
                };
                deployments.change(&subject.name, house.runner, write).await?;
            }
            Operation::Untag => {
                let gone: Vec<_> = parameters(&self.query, "tagKeys").collect();
                let write = |record: &mut Record| {
                    record.tags.retain(|key, _| !gone.contains(key));
                    Ok(())
                };
                deployments.change(&subject.name, house.runner, write).await?;
            }
        }
        Ok(nothing())
    }
}

/// # Errors
/// They are more, or longer, than AWS takes.
pub(super) fn check(tags: &BTreeMap<String, String>) -> Result<(), ApiError> {
    let fits = |(key, value): (&String, &String)| {
        (1..=KEY_CHARS).contains(&key.chars().count()) && value.chars().count() <= VALUE_CHARS
    };
    if tags.len() > MAX_TAGS || !tags.iter().all(fits) {
        return Err(invalid(format_args!(
            "A function has up to {MAX_TAGS} tags, with keys of 1 to {KEY_CHARS} characters and values of up to \
             {VALUE_CHARS}."
        )));
    }
    Ok(())
}

/// Source: developer guide, "Using tags on Lambda functions".
const MAX_TAGS: usize = 50;
/// Likewise.
const KEY_CHARS: usize = 128;
/// Likewise.
const VALUE_CHARS: usize = 256;
