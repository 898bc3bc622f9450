//! Functions that start badly.

use std::time::Duration;

use lambda_local::Settings;
use serde_json::json;

use crate::running::{Running, UNHANDLED, check_exit, function, header, outcome};

/// A function that behaves so when it starts, and a file that has one byte for each start.
fn starting(behaviour: &str) -> (lambda_local::Function, tempfile::NamedTempFile) {
    let starts = tempfile::NamedTempFile::new().unwrap();
    let mut function = function("starting");
    function.variables.insert("INIT".to_owned(), behaviour.to_owned());
    function.variables.insert("STARTS".to_owned(), starts.path().to_str().unwrap().to_owned());
    (function, starts)
}

#[track_caller]
fn check_starts(file: &tempfile::NamedTempFile, expected: u64) {
    assert_eq!(file.as_file().metadata().unwrap().len(), expected, "starts");
}

#[tokio::test]
async fn a_function_that_cannot_start_is_tried_twice_and_its_own_words_are_the_answer() {
    let (function, starts) = starting("error");
    let local = Running::with(function).await;
    let expected = json!({"errorType": "Init.Broken", "errorMessage": "cannot start"});
    assert_eq!(outcome(&local.invoke("starting", "{}").await), (expected, UNHANDLED));
    check_starts(&starts, 2);
    local.stop().await;
}

#[tokio::test]
async fn a_function_that_dies_at_its_start_is_tried_twice() {
    let (function, starts) = starting("exit");
    let local = Running::with(function).await;
    check_exit(&local.invoke("starting", "{}").await, "Runtime exited with error: exit status 7");
    check_starts(&starts, 2);
    local.stop().await;
}

#[tokio::test]
async fn a_second_start_that_works_answers_the_call() {
    let (function, starts) = starting("exit once");
    let local = Running::with(function).await;
    assert_eq!(outcome(&local.invoke("starting", "{}").await), (json!({}), None));
    check_starts(&starts, 2);
    local.stop().await;
}

#[tokio::test]
async fn a_slow_start_goes_on_within_the_call() {
    let (function, starts) = starting("hang once");
    let settings = Settings { init_limit: Duration::from_millis(500), ..Settings::default() };
    let local = Running::start(settings, vec![function]).await;
    assert_eq!(outcome(&local.invoke("starting", "{}").await), (json!({}), None));
    check_starts(&starts, 2);
    local.stop().await;
}

#[tokio::test]
async fn a_start_that_never_ends_is_a_timeout() {
    let (mut function, starts) = starting("hang");
    function.timeout = Duration::from_secs(1);
    let settings = Settings { init_limit: Duration::from_millis(500), ..Settings::default() };
    let local = Running::start(settings, vec![function]).await;
    assert_eq!(outcome(&local.invoke("starting", "{}").await).0["errorType"], "Sandbox.Timedout");
    check_starts(&starts, 2);
    local.stop().await;
}

#[tokio::test]
async fn a_missing_program_is_an_invalid_entrypoint() {
    let mut missing = function("missing");
    if let Ok(program) = &mut missing.program {
        program.executable = "/nowhere/bootstrap".into();
    }
    let local = Running::with(missing).await;
    let answer = local.invoke("missing", "{}").await;
    let id = header(&answer, "x-amzn-requestid").unwrap();
    let message = format!(
        "RequestId: {id} Error: Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"
    );
    let expected = json!({"errorType": "Runtime.InvalidEntrypoint", "errorMessage": message});
    assert_eq!(outcome(&answer), (expected, UNHANDLED));
    local.stop().await;
}
