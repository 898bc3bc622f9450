//! An event function that returns its event, byte for byte.

use std::process::ExitCode;

use serde_json::value::RawValue;
use stayput_runtime::{Context, Error};

fn main() -> ExitCode {
    stayput_runtime::run_event(echo)
}

/// `RawValue` is the event's text as it came. To work with the event, write your own type here instead.
async fn echo(event: Box<RawValue>, _: Context) -> Result<Box<RawValue>, Error> {
    Ok(event)
}

#[cfg(test)]
mod tests {
    use stayput_runtime::testing;

    use super::*;

    #[tokio::test]
    async fn the_event_comes_back_byte_for_byte() {
        let text = r#"{"b": 1.50, "a": [null, "\u00fc"]}"#;
        let event = RawValue::from_string(text.to_owned()).unwrap();
        let answer = testing::event(event).call(echo).await.unwrap();
        assert_eq!(answer.get(), text);
    }
}
