//! What a caller gets, and what the function hears of a call.

use http::StatusCode;
use lambda_local::{Settings, function::Unavailable};
use serde_json::{Value, json};

use crate::running::{Running, UNHANDLED, check_refusal, function, header, outcome};

#[tokio::test]
async fn a_call_is_answered_with_the_functions_bytes_and_aws_headers() {
    let local = Running::with(function("echo")).await;
    let answer = local.invoke("echo", r#"{"a": 1}"#).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.body(), r#"{"a": 1}"#);
    assert_eq!(header(&answer, "content-type"), Some("application/json"));
    assert_eq!(header(&answer, "x-amz-executed-version"), Some("$LATEST"));
    assert_eq!(header(&answer, "x-amz-function-error"), None);
    assert_eq!(header(&answer, "x-amz-log-result"), None);
    assert_eq!(header(&answer, "x-amzn-requestid").map(str::len), Some(36));
    assert!(header(&answer, "x-amzn-trace-id").unwrap().starts_with("Root=1-"));
    assert_eq!(local.invoke("echo", "").await.body(), "{}");
    local.stop().await;
}

#[tokio::test]
async fn the_runtime_hears_everything_of_an_invocation() {
    let local = Running::with(function("echo")).await;
    let id = "0b3a2f1e-0000-4000-8000-00000000000a";
    let context = [
        ("x-amzn-requestid", id),
        ("lambda-runtime-client-context", r#"{"custom":{"a":1}}"#),
        ("lambda-runtime-cognito-identity", r#"{"cognitoIdentityId":"x"}"#),
        ("x-amzn-trace-id", "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1"),
    ];
    let answer = local.call(
        "/2015-03-31/functions/_/invocations?Qualifier=%24LATEST",
        &context,
        r#"{"do":"headers"}"#,
    );
    let answer = answer.await;
    let (said, _) = outcome(&answer);
    assert_eq!(header(&answer, "x-amzn-requestid"), Some(id));
    assert_eq!(said["lambda-runtime-aws-request-id"], id);
    assert_eq!(said["content-type"], "application/json");
    assert_eq!(
        said["lambda-runtime-invoked-function-arn"],
        "arn:aws:lambda:us-east-1:000000000000:function:echo:$LATEST"
    );
    assert_eq!(said["lambda-runtime-client-context"], r#"{"custom":{"a":1}}"#);
    assert_eq!(said["lambda-runtime-cognito-identity"], r#"{"cognitoIdentityId":"x"}"#);
    let trace = said["lambda-runtime-trace-id"].as_str().unwrap();
    assert!(trace.starts_with("Root=1-5759e988-bd862e3fe1be46a994272793;Parent="), "{trace}");
    let deadline: u128 = said["lambda-runtime-deadline-ms"].as_str().unwrap().parse().unwrap();
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_millis();
    assert!(
        deadline > now && deadline <= now + 10_000,
        "{deadline} is within the function's timeout of {now}"
    );
    local.stop().await;
}

#[tokio::test]
async fn an_error_that_the_function_reports_is_passed_on_verbatim() {
    let local = Running::with(function("echo")).await;
    let error = json!({"errorType": "BadLuck", "errorMessage": "no luck", "seen": [13]});
    let answer = local.invoke("echo", &json!({"do": "fail", "error": error}).to_string()).await;
    assert_eq!(outcome(&answer), (error, UNHANDLED));
    local.stop().await;
}

#[tokio::test]
async fn a_streamed_answer_is_collected_and_its_late_error_counts() {
    let local = Running::with(function("echo")).await;
    assert_eq!(outcome(&local.invoke("echo", r#"{"do":"stream"}"#).await), (json!([1, 2]), None));
    let answer = local.invoke("echo", r#"{"do":"stream","error":{"errorType":"Late"}}"#).await;
    assert_eq!(outcome(&answer), (json!({"errorType": "Late"}), UNHANDLED));
    local.stop().await;
}

#[tokio::test]
async fn an_answer_that_is_too_large_fails_the_call_and_spares_the_environment() {
    let local = Running::with(function("echo")).await;
    let (before, _) = outcome(&local.invoke("echo", r#"{"do":"count"}"#).await);
    let most = json!({"do": "big", "bytes": 6_291_556}).to_string();
    assert_eq!(local.invoke("echo", &most).await.body().len(), 6_291_556);
    let answer = local.invoke("echo", &json!({"do": "big", "bytes": 6_291_557}).to_string()).await;
    assert_eq!(header(&answer, "x-amz-function-error"), UNHANDLED);
    let expected = r#"{"errorMessage":"Response payload size exceeded maximum allowed payload size (6291556 bytes).","errorType":"Function.ResponseSizeTooLarge"}"#;
    assert_eq!(answer.body(), expected);
    let (after, _) = outcome(&local.invoke("echo", r#"{"do":"count"}"#).await);
    assert_eq!(after["pid"], before["pid"]);
    local.stop().await;
}

#[tokio::test]
async fn a_dry_run_checks_and_runs_nothing() {
    let local = Running::with(function("echo")).await;
    let answer = local.invoke_as("DryRun", "{}").await;
    assert_eq!((answer.status(), answer.body().len()), (StatusCode::NO_CONTENT, 0));
    assert_eq!(header(&answer, "x-amz-executed-version"), None);
    assert_eq!(local.invoke_as("DryRun", "{").await.status(), StatusCode::BAD_REQUEST);
    local.stop().await;
}

#[tokio::test]
async fn asynchronous_calls_are_refused_clearly() {
    let local = Running::with(function("echo")).await;
    let answer = local.invoke_as("Event", "{}").await;
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    assert_eq!(header(&answer, "x-amzn-errortype"), Some("InvalidParameterValueException"));
    local.stop().await;
}

#[tokio::test]
async fn what_is_not_there_or_no_json_is_refused_in_awss_words() {
    let local = Running::with(function("echo")).await;
    let message = "Function not found: arn:aws:lambda:us-east-1:000000000000:function:nobody:$LATEST";
    let body = json!({"Type": "User", "Message": message});
    check_refusal(&local.invoke("nobody", "{}").await, 404, "ResourceNotFoundException", &body);

    let answer = local.invoke("echo", "{\"a\": \x07}").await;
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    assert_eq!(header(&answer, "x-amzn-errortype"), Some("InvalidRequestContentException"));
    let body: Value = serde_json::from_slice(answer.body()).unwrap();
    let text = body["message"].as_str().unwrap();
    assert!(
        text.starts_with("Could not parse request body into json: Could not parse payload into json: "),
        "{text}"
    );

    let answer = local.call("/2015-03-31/nothing", &[], "").await;
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
    assert_eq!(header(&answer, "x-amzn-errortype"), Some("UnknownOperationException"));
    local.stop().await;
}

#[tokio::test]
async fn a_function_whose_language_is_missing_says_what_to_install() {
    let mut unavailable = function("unavailable");
    unavailable.program = Err(Unavailable("install python3".to_owned()));
    let local = Running::with(unavailable).await;
    let answer = local.invoke("unavailable", "{}").await;
    let (fault, error) = outcome(&answer);
    assert_eq!(fault["errorType"], "Runtime.InvalidEntrypoint");
    assert!(fault["errorMessage"].as_str().unwrap().ends_with("install python3"), "{fault}");
    assert_eq!(error, UNHANDLED);
    local.stop().await;
}

#[tokio::test]
async fn a_runtime_that_speaks_out_of_turn_is_told_so() {
    let local = Running::with(function("echo")).await;
    let (said, _) = outcome(&local.invoke("echo", r#"{"do":"probe"}"#).await);
    assert_eq!(said, json!([400, 410, 403, 403, 404, "pong", null]));
    let answer = local.invoke("echo", r#"{"do":"probe","bad_mode":true}"#).await;
    assert_eq!(outcome(&answer).0["errorType"], "Runtime.InvalidResponseModeHeader");
    local.stop().await;
}

#[tokio::test]
async fn a_process_sees_awss_variables_and_nothing_of_the_host() {
    let mut own = function("echo");
    own.variables.insert("MINE".to_owned(), "1".to_owned());
    let settings = Settings { endpoint: Some("http://127.0.0.1:9000".to_owned()), ..Settings::default() };
    let local = Running::start(settings, vec![own]).await;
    let (said, _) = outcome(&local.invoke("echo", r#"{"do":"environment"}"#).await);
    assert_eq!(said["MINE"], "1");
    assert_eq!(said["AWS_LAMBDA_FUNCTION_NAME"], "echo");
    assert_eq!(said["AWS_ENDPOINT_URL_LAMBDA"], "http://127.0.0.1:9000");
    assert_eq!(said.get("HOME"), None);
    assert_eq!(said.get("CARGO"), None);
    local.stop().await;
}
