//! An event function that sleeps: `{"milliseconds": 250}`, plain `250`, or over HTTP `?milliseconds=250`.
//!
//! It sleeps as long as it is told, past its own timeout too: that is how one sees what a timeout looks like.

use std::{process::ExitCode, time::Duration};

use serde_json::{Value, json};
use stayput_runtime::{Context, Error};

fn main() -> ExitCode {
    stayput_runtime::run_event(sleep)
}

async fn sleep(event: Value, _: Context) -> Result<Value, Error> {
    let milliseconds = milliseconds(&event)
        .ok_or_else(|| Error::new("MillisecondsMissing", r#"say how long: {"milliseconds": 250}"#))?;
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
    Ok(json!({"sleptMilliseconds": milliseconds}))
}

fn milliseconds(event: &Value) -> Option<u64> {
    let written = event.get("queryStringParameters").unwrap_or(event);
    let written = written.get("milliseconds").unwrap_or(written);
    written.as_u64().or_else(|| written.as_str()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use stayput_runtime::testing;
    use tokio::time::Instant;

    use super::*;

    async fn check(event: Value) {
        let start = Instant::now();
        let answer = testing::event(&event).call(sleep).await.unwrap();
        assert_eq!(answer, json!({"sleptMilliseconds": 250}), "answer to {event}");
        assert_eq!(start.elapsed(), Duration::from_millis(250), "time slept for {event}");
    }

    // Paused: Tokio's clock jumps ahead as soon as everything waits for it.
    #[tokio::test(start_paused = true)]
    async fn it_sleeps_as_long_as_it_is_told() {
        check(json!({"milliseconds": 250})).await;
        check(json!(250)).await;
        check(json!({"rawPath": "/", "queryStringParameters": {"milliseconds": "250"}})).await;
    }

    #[tokio::test]
    async fn without_a_number_it_fails() {
        for event in [json!({}), json!(null), json!(-1), json!({"milliseconds": "soon"})] {
            let fault = testing::event(event).call(sleep).await.unwrap_err();
            assert_eq!(fault.error_type(), "MillisecondsMissing");
        }
    }
}
