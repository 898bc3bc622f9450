//! `GetAccountSettings`.

use bytes::Bytes;
use http::{Method, Response};
use lambda_protocol::api_error::ApiError;
use serde_json::json;

use super::{House, Route, code::ARCHIVE_BYTES, json as answer_json};
use crate::deploy::UNPACKED_BYTES;

pub(super) fn is_meant(route: Route<'_>) -> bool {
    *route.method == Method::GET && route.parts == ["2016-08-19", "account-settings"]
}

pub(super) fn answer(house: House<'_>) -> Result<Response<Bytes>, ApiError> {
    let told = json!({
        "AccountLimit": {
            "TotalCodeSize": TOTAL_CODE_BYTES,
            "CodeSizeUnzipped": UNPACKED_BYTES,
            "CodeSizeZipped": ARCHIVE_BYTES,
            "ConcurrentExecutions": house.settings().account_concurrency,
            "UnreservedConcurrentExecutions": house.runner.driver.unreserved(),
        },
        "AccountUsage": {
            "TotalCodeSize": house.deployments()?.total_bytes(),
            "FunctionCount": house.functions().all().len(),
        },
    });
    Ok(answer_json(told.to_string()))
}

/// AWS's figure. Here the disk decides. Source: quotas page, 75 GB.
const TOTAL_CODE_BYTES: u64 = 80_530_636_800;
