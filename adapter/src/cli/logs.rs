//! `stayput logs`

use clap::Args;
use serde::Deserialize;

use super::{
    Exit, Failure,
    admin::{AdminOptions, escaped},
    terminal::{print, print_json},
};
use crate::events::Call;

/// Show what happened to a call: request, attempts, the function's log, callbacks
///
/// `stayput dev` remembers its last 2,000 calls, synchronous ones among them, until it ends.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  stayput logs 0199d6f3-8f3e-7c52-a7a1-0b8c7d9e6f50")]
pub(super) struct Logs {
    /// Any id of the call: x-stedi-invocationid, X-Call-Id or X-Request-Id of its answer, or one that its caller gave it
    id: String,
    #[command(flatten)]
    admin: AdminOptions,
}

#[derive(Debug, Deserialize)]
struct Found {
    calls: Vec<Call>,
}

impl Logs {
    pub(super) fn run(self, json: bool) -> Result<Exit, Failure> {
        let Found { calls } = self.admin.ask(&format!("/calls/{}", escaped(&self.id)))?;
        if json {
            print_json(&calls);
        } else {
            calls.iter().for_each(show);
        }
        Ok(Exit::Done)
    }
}

fn show(call: &Call) {
    print(format_args!("call {}", call.request_id));
    for id in &call.caller_ids {
        print(format_args!("known to its caller as {id}"));
    }
    if call.left_out > 0 {
        print(format_args!("({} of the oldest entries had no room)", call.left_out));
    }
    for happened in &call.timeline {
        print(format_args!("{}  {:<9} {}", happened.at, happened.what.as_str(), happened.text));
    }
    for event in &call.events {
        let next = event.next_try.as_deref().map(|next| format!(", next try {next}")).unwrap_or_default();
        let part = if event.is_callback { "callback" } else { "event" };
        print(format_args!("now: {part} {}, {} failed{next}", event.state.as_str(), event.attempts));
    }
}
