//! What is said of executions to people.

use jiff::Timestamp;
use serde_json::Value;

use crate::cli::terminal::print;

/// Of a list.
pub(super) fn row(execution: &Value) -> [String; 5] {
    [
        text(&execution["DurableExecutionName"]),
        text(&execution["Status"]),
        moment(&execution["StartTimestamp"]),
        moment(&execution["EndTimestamp"]),
        text(&execution["DurableExecutionArn"]),
    ]
}

pub(super) fn execution(told: &Value) {
    let lines = [
        ("execution", text(&told["DurableExecutionArn"])),
        ("status", text(&told["Status"])),
        ("started", moment(&told["StartTimestamp"])),
        ("ended", moment(&told["EndTimestamp"])),
        ("given up", moment(&told["ExpectedExecutionTimeoutTimestamp"])),
        ("input", text(&told["InputPayload"])),
        ("result", text(&told["Result"])),
        ("error", error(&told["Error"])),
    ];
    let is_over = !told["EndTimestamp"].is_null();
    for (name, value) in lines.into_iter().filter(|(name, _)| !(is_over && *name == "given up")) {
        if !value.is_empty() {
            print(format_args!("{name:<10} {value}"));
        }
    }
}

pub(super) fn event(event: &Value) {
    let what = text(&event["EventType"]);
    let details = &event[format!("{what}Details")];
    let who = text(&event["Name"]);
    let said = [&details["Result"]["Payload"], &details["Input"]["Payload"]].map(text);
    let failed = error(&details["Error"]["Payload"]);
    let said =
        said.into_iter().chain([failed]).filter(|said| !said.is_empty()).collect::<Vec<_>>().join("  ");
    let at = moment(&event["EventTimestamp"]);
    print(format!("{:>5}  {at}  {what:<22} {who:<24} {said}", text(&event["EventId"])).trim_end());
}

pub(super) fn stopped(told: &Value) {
    print(format_args!("stopped at {}", moment(&told["StopTimestamp"])));
}

fn error(error: &Value) -> String {
    let (name, message) = (text(&error["ErrorType"]), text(&error["ErrorMessage"]));
    match (&*name, &*message) {
        ("", "") => String::new(),
        ("", message) => message.to_owned(),
        (name, "") => name.to_owned(),
        (name, message) => format!("{name}: {message}"),
    }
}

/// A text or a number; of nothing, nothing.
fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Seconds since the epoch, as RFC 3339 in UTC, to the millisecond.
#[expect(clippy::cast_possible_truncation, reason = "milliseconds of any moment that Lambda tells fit")]
fn moment(seconds: &Value) -> String {
    let ms = seconds.as_f64().map(|seconds| (seconds * 1_000.0).round() as i64);
    let at = ms.and_then(|ms| Timestamp::from_millisecond(ms).ok());
    at.map(|at| at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_row_has_moments_that_people_read() {
        let execution = json!({
            "DurableExecutionName": "order-7", "Status": "SUCCEEDED", "StartTimestamp": 1_795_240_011.733,
            "EndTimestamp": null, "DurableExecutionArn": "arn:…",
        });
        assert_eq!(row(&execution), ["order-7", "SUCCEEDED", "2026-11-21T05:46:51.733Z", "", "arn:…"]);
    }

    #[test]
    fn an_error_is_told_as_far_as_it_says_something() {
        for (told, expected) in [
            (json!({"ErrorType": "E", "ErrorMessage": "m"}), "E: m"),
            (json!({"ErrorMessage": "m"}), "m"),
            (json!({"ErrorType": "E"}), "E"),
            (json!(null), ""),
        ] {
            assert_eq!(error(&told), expected, "{told}");
        }
    }
}
