//! One call, as it is told to people and programs: what happened to it, and what is left of it.

use serde::{Deserialize, Serialize};

use super::{Event, event::rfc3339};
use crate::timelines::{Received, Timeline, What};

/// All that is known of a call.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Call {
    /// Our id of it.
    pub request_id: String,
    /// Its caller's own ids for it.
    pub caller_ids: Vec<String>,
    /// `None`: it did not come through this gateway since it started.
    pub asked: Option<Received>,
    pub timeline: Vec<Happened>,
    /// Entries for which there was no room in the timeline.
    pub left_out: u64,
    /// What waits, runs or is dead of it.
    pub events: Vec<Event>,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Happened {
    /// RFC 3339.
    pub at: String,
    pub what: What,
    pub text: String,
}

impl Call {
    pub(super) fn new(request_id: String, timeline: &Timeline, events: Vec<Event>) -> Self {
        let entries = timeline.entries().into_iter();
        let entries = entries.map(|entry| Happened {
            at: rfc3339(entry.at),
            what: entry.what,
            text: entry.text.clone(),
        });
        Self {
            request_id,
            caller_ids: timeline.caller_ids().to_vec(),
            asked: timeline.asked().cloned(),
            timeline: entries.collect(),
            left_out: timeline.left_out(),
            events,
        }
    }
}
