//! What functions wrote, in CloudWatch Logs. Source: its API reference, `FilterLogEvents`, in the JSON protocol.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::json::{JsonService, ServiceError};

/// The log groups of an account.
#[derive(Debug)]
pub struct CloudWatchLogs {
    service: JsonService,
}

/// One line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Line {
    pub at: SystemTime,
    pub text: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Filter<'a> {
    log_group_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    filter_pattern: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    log_stream_names: Option<[&'a str; 1]>,
    start_time: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_time: Option<u64>,
    limit: usize,
}

#[derive(Deserialize)]
struct Found {
    #[serde(default)]
    events: Vec<Event>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    log_stream_name: String,
    timestamp: u64,
    message: String,
}

impl CloudWatchLogs {
    pub(super) fn new(service: JsonService) -> Self {
        Self { service }
    }

    /// What a function wrote in one call since `since`, by Lambda's id of it: a stream belongs to one environment, which runs
    /// one call at a time, so all between the first and the last line that names the id is the call's.
    ///
    /// # Errors
    /// The log cannot be read.
    pub async fn of_call(
        &self,
        function: &str,
        id: &str,
        since: SystemTime,
    ) -> Result<Vec<Line>, ServiceError> {
        let log_group_name = &*format!("/aws/lambda/{function}");
        let named = Filter {
            log_group_name,
            filter_pattern: Some(format!("\"{id}\"")),
            log_stream_names: None,
            start_time: milliseconds(since),
            end_time: None,
            limit: MAX_LINES,
        };
        let mut lines = Vec::new();
        let mut named = self.find(&named).await?;
        named.sort_by(|one, other| one.log_stream_name.cmp(&other.log_stream_name));
        // An attempt may have run elsewhere than the one before it.
        for of_stream in named.chunk_by(|one, other| one.log_stream_name == other.log_stream_name) {
            let times = || of_stream.iter().map(|event| event.timestamp);
            let all = Filter {
                log_group_name,
                filter_pattern: None,
                log_stream_names: Some([&of_stream[0].log_stream_name]),
                start_time: times().min().unwrap_or_default(),
                end_time: times().max(),
                limit: MAX_LINES,
            };
            lines.extend(self.find(&all).await?.into_iter().map(Line::from));
        }
        lines.sort_by_key(|line| line.at);
        Ok(lines)
    }

    async fn find(&self, filter: &Filter<'_>) -> Result<Vec<Event>, ServiceError> {
        let found: Found = self.service.call("FilterLogEvents", filter, ANSWER_LIMIT).await?;
        Ok(found.events)
    }
}

impl From<Event> for Line {
    fn from(Event { timestamp, message, .. }: Event) -> Self {
        Self { at: UNIX_EPOCH + Duration::from_millis(timestamp), text: message.trim_end().to_owned() }
    }
}

fn milliseconds(time: SystemTime) -> u64 {
    u64::try_from(time.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}

/// Of one answer. Source: `FilterLogEvents`, `limit`.
const MAX_LINES: usize = 10_000;

const ANSWER_LIMIT: Duration = Duration::from_secs(10);
