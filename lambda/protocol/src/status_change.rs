//! What EventBridge tells of a durable execution whose status has changed.
//!
//! Source: Lambda developer guide, "Monitoring durable functions", event "Durable Execution Status Change".

use serde::{Deserialize, Serialize};

/// One event, as far as anybody here has to do with it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct StatusChange {
    version: String,
    pub id: String,
    #[serde(rename = "detail-type")]
    detail_type: String,
    source: String,
    #[serde(default)]
    pub account: String,
    /// ISO 8601, in UTC.
    #[serde(default)]
    pub time: String,
    #[serde(default)]
    pub region: String,
    #[serde(default)]
    resources: Vec<String>,
    pub detail: Detail,
}

/// Which execution it is, and how it stands now.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Detail {
    pub durable_execution_arn: String,
    pub durable_execution_name: String,
    /// With its version.
    pub function_arn: String,
    /// `RUNNING`, `SUCCEEDED`, `FAILED`, `TIMED_OUT` or `STOPPED`.
    pub status: String,
    /// ISO 8601, in UTC.
    #[serde(default)]
    pub start_timestamp: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_timestamp: Option<String>,
}

impl StatusChange {
    /// An event with this id, of this account and region, at `time`.
    pub fn new(id: String, account: String, region: String, time: String, detail: Detail) -> Self {
        Self {
            version: VERSION.to_owned(),
            id,
            detail_type: DETAIL_TYPE.to_owned(),
            source: SOURCE.to_owned(),
            account,
            time,
            region,
            resources: Vec::new(),
            detail,
        }
    }

    /// As JSON.
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("texts alone")
    }

    /// `None`: it is no such event.
    pub fn decode(text: &[u8]) -> Option<Self> {
        let event: Self = serde_json::from_slice(text).ok()?;
        (event.source == SOURCE && event.detail_type == DETAIL_TYPE).then_some(event)
    }
}

const VERSION: &str = "0";
const SOURCE: &str = "aws.lambda";
const DETAIL_TYPE: &str = "Durable Execution Status Change";

#[cfg(test)]
mod tests {
    use super::*;

    const TOLD: &str = r#"{"version":"0","id":"d019b03c-a8a3-9d58-85de-241e96206538","detail-type":"Durable Execution Status Change",
        "source":"aws.lambda","account":"123456789012","time":"2025-11-20T13:08:22Z","region":"us-east-1","resources":[],"detail":{
        "durableExecutionArn":"arn:aws:lambda:us-east-1:123456789012:function:f:2/durable-execution/order-7/9f7d84c9",
        "durableExecutionName":"order-7","functionArn":"arn:aws:lambda:us-east-1:123456789012:function:f:2","status":"SUCCEEDED",
        "startTimestamp":"2025-11-20T13:08:22.345Z","endTimestamp":"2025-11-20T13:08:23.345Z","more":1}}"#;

    #[test]
    fn what_eventbridge_tells_is_read_and_written_the_same() {
        let event = StatusChange::decode(TOLD.as_bytes()).unwrap();
        assert_eq!((&*event.detail.durable_execution_name, &*event.detail.status), ("order-7", "SUCCEEDED"));
        assert_eq!(StatusChange::decode(&event.encode()), Some(event));
    }

    #[test]
    fn other_events_are_none() {
        for text in [
            "{}".to_owned(),
            "[".to_owned(),
            TOLD.replace("aws.lambda", "com.example"),
            TOLD.replace("Durable Execution Status Change", "Other"),
        ] {
            assert_eq!(StatusChange::decode(text.as_bytes()), None, "{text}");
        }
    }
}
