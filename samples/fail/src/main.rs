//! An event function that always fails, in the way that its event asks for: `{"how": "panic"}`.
//!
//! `how` is `error` (the default; `errorType` and `message` may be chosen), `panic`, `exit` or `abort`. Over HTTP the
//! same words are query parameters: `?how=error&errorType=OrderUnknown`.

use std::process::{self, ExitCode};

use serde::Deserialize;
use serde_json::Value;
use stayput_runtime::{Context, Error};

fn main() -> ExitCode {
    stayput_runtime::run_event(fail)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Wish {
    how: How,
    error_type: String,
    message: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
enum How {
    /// The function reports a fault.
    #[default]
    Error,
    /// The handler panics: a fault as well, and the process lives on.
    Panic,
    /// The process ends by itself.
    Exit,
    /// The process is ended by a signal.
    Abort,
}

async fn fail(event: Value, _: Context) -> Result<(), Error> {
    let Wish { how, error_type, message } = wish(event)?;
    match how {
        How::Error => Err(Error::new(error_type, message)),
        How::Panic => panic!("{message}"),
        #[expect(clippy::exit, reason = "what Lambda makes of it is what this sample shows")]
        How::Exit => process::exit(1),
        How::Abort => process::abort(),
    }
}

/// From the event itself or, where it is an HTTP request, from its query.
fn wish(mut event: Value) -> Result<Wish, Error> {
    let is_http = event.get("rawPath").is_some();
    let written = match event.get_mut("queryStringParameters") {
        Some(query) => query.take(),
        None if is_http => Value::Null,
        None => event,
    };
    Ok(serde_json::from_value::<Option<Wish>>(written)?.unwrap_or_default())
}

impl Default for Wish {
    fn default() -> Self {
        let (error_type, message) = ("AlwaysFails".to_owned(), "this function always fails".to_owned());
        Self { how: How::default(), error_type, message }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use stayput_runtime::testing;

    use super::*;

    async fn check(event: Value, error_type: &str, message: &str) {
        let fault = testing::event(event).call(fail).await.unwrap_err();
        assert_eq!((fault.error_type(), fault.message()), (error_type, message));
    }

    #[tokio::test]
    async fn it_fails_whatever_the_event() {
        check(json!({}), "AlwaysFails", "this function always fails").await;
        check(json!(null), "AlwaysFails", "this function always fails").await;
        check(json!({"rawPath": "/", "headers": {}}), "AlwaysFails", "this function always fails").await;
    }

    #[tokio::test]
    async fn name_and_message_can_be_chosen() {
        let event = json!({"errorType": "OrderUnknown", "message": "there is no order 7"});
        check(event, "OrderUnknown", "there is no order 7").await;
        let event = json!({"rawPath": "/", "queryStringParameters": {"errorType": "OrderUnknown"}});
        check(event, "OrderUnknown", "this function always fails").await;
    }

    #[tokio::test]
    async fn a_panic_is_a_fault() {
        check(json!({"how": "panic", "message": "boom"}), Error::PANIC, "boom").await;
    }

    #[tokio::test]
    async fn an_unknown_way_to_fail_is_a_failure_too() {
        let fault = testing::event(json!({"how": "softly"})).call(fail).await.unwrap_err();
        assert_eq!(fault.error_type(), "serde_json::Error");
    }
}
