//! What both programs begin and end with.

use std::process::ExitCode;

use aws_sdk_lambda::{
    Client,
    config::{BehaviorVersion, retry::RetryConfig},
};

/// A client of the embedded Lambda, which tries everything once.
pub async fn connect() -> Client {
    let endpoint = std::env::var("STAYPUT_LAMBDA_URL").expect("STAYPUT_LAMBDA_URL");
    let config = aws_config::defaults(BehaviorVersion::latest())
        .endpoint_url(endpoint)
        .retry_config(RetryConfig::disabled())
        .load()
        .await;
    Client::new(&config)
}

/// A line for each thing that is checked; the exit status at the end.
#[derive(Default)]
pub struct Checks {
    failed: bool,
}

impl Checks {
    pub fn check<T: PartialEq + std::fmt::Debug>(&mut self, name: &str, got: T, expected: T) {
        if got == expected {
            println!("ok {name}");
        } else {
            println!("FAIL {name}: expected {expected:?}, got {got:?}");
            self.failed = true;
        }
    }

    pub fn finish(self) -> ExitCode {
        ExitCode::from(u8::from(self.failed))
    }
}
