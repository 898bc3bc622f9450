//! What an event asks for. The table is in `main.rs`.

use std::num::NonZeroU16;

use serde::Deserialize;
use serde_json::Value;

#[derive(Debug, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Deed {
    Echo,
    Answer { with: Value },
    Count,
    Headers,
    Environment,
    Sleep { ms: u64 },
    Span { ms: u64 },
    Print { text: String },
    Flood { bytes: u64, line: NonZeroU16 },
    Big { bytes: usize },
    Fail { error: Value },
    Stream { error: Option<Value> },
    Flow { port: u16, hears_early: Option<bool> },
    Probe { bad_mode: Option<bool> },
    Meet { port: u16 },
    Relay { port: u16 },
    StayMet { port: u16 },
    NeverNext { port: u16 },
    AnswerAndExit,
    Exit { code: i32 },
    Kill { signal: i32 },
    Spawn { count: u64 },
}

impl Deed {
    /// # Errors
    /// Not JSON, or a deed that is not in the table: a test that misspells one is to hear of it.
    pub(crate) fn parse(event: &[u8]) -> serde_json::Result<Self> {
        let event: Value = serde_json::from_slice(event)?;
        let json_in = |value: &Value, at: &str| -> Option<Value> {
            value.pointer(at).and_then(Value::as_str).and_then(|text| serde_json::from_str(text).ok())
        };
        // Of an HTTP request, its body says so.
        let body = json_in(&event, "/body");
        // Of an invocation of a durable execution, what that was started with, which may be an HTTP request or a destination's record.
        let input = json_in(&event, "/InitialExecutionState/Operations/0/ExecutionDetails/InputPayload");
        let inputs_body = input.as_ref().and_then(|input| json_in(input, "/body"));
        let told = input.as_ref().and_then(|input| input.get("requestPayload").cloned());
        let orders = [Some(event), body, input, inputs_body, told].into_iter().flatten();
        orders
            .filter(|order: &Value| order.get("do").is_some())
            .map(Self::deserialize)
            .next()
            .unwrap_or(Ok(Self::Echo))
    }
}
