//! `PutFunctionConcurrency`, `GetFunctionConcurrency` and `DeleteFunctionConcurrency`.

use bytes::Bytes;
use http::{Method, Response};
use lambda_protocol::{
    api_error::ApiError,
    quotas::UNRESERVED_CONCURRENCY_MIN,
    validation::{self, Violation},
};
use serde::Deserialize;
use serde_json::json;

use super::{
    House, Route, json as answer_json, nothing, read,
    subject::{Subject, invalid, required},
};

#[derive(Debug)]
pub(crate) struct Call {
    operation: Operation,
    label: String,
}

#[derive(Clone, Copy, Debug)]
enum Operation {
    Put,
    Get,
    Delete,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Body {
    reserved_concurrent_executions: Option<i64>,
}

impl Call {
    pub(super) fn route(route: Route<'_>) -> Option<Self> {
        let (operation, label) = match (route.method, route.parts) {
            (&Method::PUT, ["2017-10-31", "functions", label, "concurrency"]) => (Operation::Put, label),
            (&Method::DELETE, ["2017-10-31", "functions", label, "concurrency"]) => {
                (Operation::Delete, label)
            }
            (&Method::GET, ["2019-09-30", "functions", label, "concurrency"]) => (Operation::Get, label),
            _ => return None,
        };
        Some(Self { operation, label: (*label).to_owned() })
    }

    pub(super) async fn answer(self, body: &[u8], house: House<'_>) -> Result<Response<Bytes>, ApiError> {
        let subject = Subject::whole(&self.label, house.settings())?;
        let record = subject.record(house)?;
        let reserved = match self.operation {
            Operation::Get => {
                let told =
                    record.reserved.map(|reserved| json!({ "ReservedConcurrentExecutions": reserved }));
                return Ok(answer_json(told.unwrap_or_else(|| json!({})).to_string()));
            }
            Operation::Delete => None,
            Operation::Put => Some(wanted(body, record.reserved, house)?),
        };
        let write = |record: &mut crate::deploy::record::Record| {
            record.reserved = reserved;
            Ok(())
        };
        house.deployments()?.change(&subject.name, house.runner, write).await?;
        Ok(match reserved {
            Some(reserved) => answer_json(json!({ "ReservedConcurrentExecutions": reserved }).to_string()),
            None => nothing(),
        })
    }
}

/// # Errors
/// It would leave the others too little.
fn wanted(body: &[u8], had: Option<u32>, house: House<'_>) -> Result<u32, ApiError> {
    let given = required(read::<Body>(body)?.reserved_concurrent_executions, FIELD)?;
    let Ok(wanted) = u32::try_from(given) else {
        return Err(validation::error(&[Violation::too_small(given, FIELD, 0)]));
    };
    let free = house.runner.driver.unreserved() + had.unwrap_or_default();
    // An account that is smaller than that would never have any to reserve.
    let least = UNRESERVED_CONCURRENCY_MIN.min(house.settings().account_concurrency / 2);
    if wanted > 0 && free.checked_sub(wanted).is_none_or(|left| left < least) {
        return Err(invalid(format_args!(
            "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below \
             its minimum value of [{least}]."
        )));
    }
    Ok(wanted)
}

const FIELD: &str = "reservedConcurrentExecutions";
