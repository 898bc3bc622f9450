//! Comparing HTTP events: the whole of them, but for their times.

use serde_json::{Value, json};

use super::{
    HOST,
    template::{Known, Template},
};

/// Compares an event with what a conversation writes of it.
///
/// # Errors
/// The first member that differs.
pub(crate) fn check(written: &str, actual: &[u8], known: &mut Known) -> Result<(), String> {
    let written: Value =
        serde_json::from_str(written).map_err(|error| format!("the file's event: {error}"))?;
    let mut expected = every_event(written["headers"]["host"].as_str().unwrap_or(HOST));
    if let Some(path) = written.get("rawPath") {
        expected["requestContext"]["http"]["path"] = path.clone();
    }
    let told: Vec<_> = TRACE.iter().filter(|name| written["headers"].get(**name).is_some()).collect();
    lay_over(&mut expected, written);
    let mut actual: Value = serde_json::from_slice(actual).map_err(|error| format!("the event: {error}"))?;
    if let Some(context) = actual["requestContext"].as_object_mut() {
        for time in ["time", "timeEpoch"] {
            context.remove(time).ok_or_else(|| format!("the event has no requestContext.{time}"))?;
        }
    }
    for name in TRACE.iter().filter(|name| !told.contains(name)) {
        let headers = actual["headers"].as_object_mut().ok_or("the event has no headers")?;
        headers.remove(*name).ok_or_else(|| format!("the event has no headers.{name}"))?;
    }
    compare("event", &expected, &actual, known)
}

/// Headers that every event has, and that are compared only where they are written.
const TRACE: [&str; 2] = ["traceparent", "x-amzn-trace-id"];

/// What every conversation's event has in common, so that no file need say it. `requestContext.http.path` is added:
/// it says what `rawPath` says. `host`: whom the caller has asked.
fn every_event(host: &str) -> Value {
    let (prefix, _) = host.split_once('.').unwrap_or((host, ""));
    json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawQueryString": "",
        "isBase64Encoded": false,
        "requestContext": {
            "accountId": "anonymous",
            "apiId": prefix,
            "domainName": host,
            "domainPrefix": prefix,
            "http": { "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1" },
            "requestId": "<<id>>",
            "routeKey": "$default",
            "stage": "$default",
        },
    })
}

fn lay_over(base: &mut Value, written: Value) {
    match (base, written) {
        (Value::Object(base), Value::Object(written)) => {
            for (key, value) in written {
                lay_over(base.entry(key).or_insert(Value::Null), value);
            }
        }
        (base, written) => *base = written,
    }
}

fn compare(at: &str, expected: &Value, actual: &Value, known: &mut Known) -> Result<(), String> {
    match (expected, actual) {
        (Value::Object(expected), Value::Object(actual)) => {
            if let Some(key) = actual.keys().find(|key| !expected.contains_key(*key)) {
                return Err(format!("{at}.{key}: expected nothing, got {}", actual[key]));
            }
            expected.iter().try_for_each(|(key, value)| {
                let actual =
                    actual.get(key).ok_or_else(|| format!("{at}.{key}: expected {value}, got nothing"))?;
                compare(&format!("{at}.{key}"), value, actual, known)
            })
        }
        (Value::Array(expected), Value::Array(actual)) if expected.len() == actual.len() => {
            let mut pairs = expected.iter().zip(actual).enumerate();
            pairs.try_for_each(|(index, (one, other))| compare(&format!("{at}[{index}]"), one, other, known))
        }
        (Value::String(expected), Value::String(actual)) => Template::parse(expected)?
            .check(actual.as_bytes(), known)
            .map_err(|error| format!("{at}: {error}")),
        (expected, actual) if expected == actual => Ok(()),
        (expected, actual) => Err(format!("{at}: expected {expected}, got {actual}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WRITTEN: &str =
        r#"{"rawPath":"/a","headers":{"x":"1"},"requestContext":{"http":{"method":"GET"}}}"#;

    /// The event of [`WRITTEN`], changed.
    #[track_caller]
    fn check_changed(change: impl FnOnce(&mut Value), difference: Option<&str>) {
        let mut event = every_event(HOST);
        event["rawPath"] = json!("/a");
        event["headers"] = json!({ "x": "1", "traceparent": "00", "x-amzn-trace-id": "Root" });
        event["requestContext"]["requestId"] = json!("01980000-0000-7000-8000-000000000001");
        event["requestContext"]["http"]["method"] = json!("GET");
        event["requestContext"]["http"]["path"] = json!("/a");
        event["requestContext"]["time"] = json!("now");
        event["requestContext"]["timeEpoch"] = json!(1);
        change(&mut event);
        let result = check(WRITTEN, event.to_string().as_bytes(), &mut Known::new());
        match difference {
            None => assert_eq!(result, Ok(())),
            Some(place) => {
                assert!(result.as_ref().is_err_and(|error| error.contains(place)), "{place}: {result:?}")
            }
        }
    }

    #[test]
    fn what_is_left_out_is_filled_in() {
        check_changed(|_| {}, None);
    }

    #[test]
    fn every_difference_is_found() {
        check_changed(|event| event["rawPath"] = json!("/b"), Some("event.rawPath"));
        check_changed(|event| event["headers"]["y"] = json!("2"), Some("event.headers.y"));
        let emptied = |event: &mut Value| drop(event["headers"].as_object_mut().unwrap().remove("x"));
        check_changed(emptied, Some("event.headers.x"));
        check_changed(|event| event["headers"] = json!({}), Some("event has no headers.traceparent"));
        check_changed(|event| event["isBase64Encoded"] = json!(true), Some("event.isBase64Encoded"));
        check_changed(|event| event["body"] = json!(""), Some("event.body"));
        check_changed(
            |event| event["requestContext"]["requestId"] = json!("mine"),
            Some("requestContext.requestId"),
        );
        check_changed(|event| event["requestContext"]["http"]["path"] = json!("/"), Some("http.path"));
        let untimed =
            |event: &mut Value| drop(event["requestContext"].as_object_mut().unwrap().remove("time"));
        check_changed(untimed, Some("requestContext.time"));
    }
}
