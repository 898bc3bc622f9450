//! From a call to the end of its execution.

use http::{Method, StatusCode};
use lambda_local::function::DurableConfig;
use serde_json::json;

use super::playing::{Stage, durable, invoke, path};
use crate::running::{UNHANDLED, header, outcome};

#[tokio::test]
async fn who_calls_waits_for_the_whole_execution() {
    let stage = Stage::with(vec![durable("f")]).await;
    let function = async {
        let mut first = stage.invocation().await;
        let updates = json!([
            {"Id": "s", "Type": "STEP", "Action": "SUCCEED", "Payload": "4", "Name": "pick"},
            {"Id": "c", "Type": "CALLBACK", "Action": "START"},
        ]);
        let news = first.checkpoint(&stage, updates).await;
        assert_eq!(
            (&news[0]["Status"], &news[0]["StepDetails"]["Result"]),
            (&json!("SUCCEEDED"), &json!("4"))
        );
        let callback = news[1]["CallbackDetails"]["CallbackId"].as_str().unwrap().to_owned();
        let arn = first.arn().to_owned();
        first.wait().await;
        stage.seen(&arn, "InvocationCompleted").await;
        let target =
            format!("/2025-12-01/durable-execution-callbacks/{}/succeed", callback.replace('=', "%3D"));
        stage.told(Method::POST, &target, "\"yes\"").await;
        let second = stage.invocation().await;
        assert_eq!(second.operations()[0]["StepDetails"]["Result"], "4");
        assert_eq!(second.operations()[1]["CallbackDetails"]["Result"], "\"yes\"");
        assert_eq!(second.envelope["UpdatedOperationIds"], json!(["c"]));
        second.succeed(&json!({"sum": 4})).await;
    };
    let input = stage.input();
    let (answer, ()) = tokio::join!(stage.running.invoke("f:$LATEST", &input), function);
    assert_eq!(outcome(&answer), (json!({"sum": 4}), None));
    assert_eq!(header(&answer, "x-amz-executed-version"), Some("$LATEST"));
    let arn = header(&answer, "x-amz-durable-execution-arn").unwrap();
    let execution = stage.execution(arn).await;
    assert_eq!(execution["Status"], "SUCCEEDED");
    assert_eq!(execution["InputPayload"], stage.input());
    assert_eq!(execution["DurableConfig"], json!({"ExecutionTimeout": 600, "RetentionPeriodInDays": 1}));
    let expected = [
        "ExecutionStarted",
        "StepStarted",
        "StepSucceeded",
        "CallbackStarted",
        "InvocationCompleted",
        "CallbackSucceeded",
        "InvocationCompleted",
        "ExecutionSucceeded",
    ];
    assert_eq!(stage.history(arn).await, expected);
    stage.stop().await;
}

#[tokio::test]
async fn an_execution_that_fails_is_a_function_error() {
    let stage = Stage::with(vec![durable("f")]).await;
    let function = async {
        let error = json!({"ErrorType": "NoStock", "ErrorMessage": "none left"});
        stage.invocation().await.answer(json!({"Status": "FAILED", "Error": error})).await;
    };
    let input = stage.input();
    let (answer, ()) = tokio::join!(stage.running.invoke("f:$LATEST", &input), function);
    assert_eq!(outcome(&answer), (json!({"errorType": "NoStock", "errorMessage": "none left"}), UNHANDLED));
    stage.stop().await;
}

#[tokio::test]
async fn a_durable_function_is_called_by_a_qualified_name() {
    let stage = Stage::with(vec![durable("f")]).await;
    let answer = stage.running.invoke("f", "{}").await;
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    assert!(answer.body().ends_with(b"using an unqualified ARN.\"}"), "{answer:?}");
    stage.stop().await;
}

#[tokio::test]
async fn an_alias_of_the_template_is_a_qualified_name() {
    let named = lambda_local::Function { alias: Some("live".to_owned()), ..durable("f") };
    let stage = Stage::with(vec![named]).await;
    let input = stage.input();
    let function = async { stage.invocation().await.succeed(&json!(1)).await };
    let (answer, ()) = tokio::join!(stage.running.invoke("f:live", &input), function);
    assert_eq!(outcome(&answer), (json!(1), None));
    let arn = header(&answer, "x-amz-durable-execution-arn").unwrap();
    assert!(arn.contains(":function:f:$LATEST/durable-execution/"), "{arn}");
    let parent = stage.start("f", &[]).await;
    let mut played = stage.invocation().await;
    let news = played.checkpoint(&stage, json!([invoke("i", "f:live", &input)])).await;
    assert_eq!(news[0]["Status"], "STARTED");
    stage.invocation().await.succeed(&json!(2)).await;
    played.succeed(&json!(3)).await;
    stage.ended(&parent).await;
    stage.stop().await;
}

#[tokio::test]
async fn nobody_waits_for_more_than_a_quarter_of_an_hour() {
    let mut long = durable("f");
    long.durable = long.durable.map(|config| DurableConfig { execution_timeout_s: 901, ..config });
    let stage = Stage::with(vec![long]).await;
    let answer = stage.running.invoke("f:$LATEST", "{}").await;
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{answer:?}");
    stage.start("f", &[]).await;
    stage.invocation().await.succeed(&json!(1)).await;
    stage.stop().await;
}

#[tokio::test]
async fn one_name_is_one_execution() {
    let stage = Stage::with(vec![durable("f")]).await;
    let named = [("x-amz-durable-execution-name", "order-7")];
    let arn = stage.start("f", &named).await;
    assert_eq!(stage.start("f", &named).await, arn);
    let headers = [("x-amz-invocation-type", "Event"), named[0]];
    let other = stage.running.call("/2015-03-31/functions/f:$LATEST/invocations", &headers, "[1]").await;
    assert_eq!(other.status(), StatusCode::CONFLICT);
    assert_eq!(header(&other, "x-amzn-errortype"), Some("DurableExecutionAlreadyStartedException"));
    stage.invocation().await.succeed(&json!(1)).await;
    stage.ended(&arn).await;
    stage.stop().await;
}

#[tokio::test]
async fn a_stale_token_changes_nothing() {
    let stage = Stage::with(vec![durable("f")]).await;
    let arn = stage.start("f", &[]).await;
    let mut played = stage.invocation().await;
    let stale = played.token().to_owned();
    played.checkpoint(&stage, json!([])).await;
    let body = json!({"CheckpointToken": stale, "Updates": []}).to_string();
    let refused = stage.ask(Method::POST, &format!("{}/checkpoint", path(&arn)), &body).await;
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    assert!(refused.body().ends_with(b"\"Invalid checkpoint token\"}"), "{refused:?}");
    played.succeed(&json!(1)).await;
    assert_eq!(stage.ended(&arn).await["Result"], "1");
    stage.stop().await;
}

#[tokio::test]
async fn a_step_is_tried_again_when_its_pause_is_over() {
    let stage = Stage::with(vec![durable("f")]).await;
    let arn = stage.start("f", &[]).await;
    let mut first = stage.invocation().await;
    let retry = json!([{
        "Id": "s", "Type": "STEP", "Action": "RETRY", "Error": {"ErrorMessage": "busy"},
        "StepOptions": {"NextAttemptDelaySeconds": 1},
    }]);
    first.checkpoint(&stage, retry).await;
    first.wait().await;
    let second = stage.invocation().await;
    assert_eq!(
        (&second.operations()[0]["Status"], &second.operations()[0]["StepDetails"]["Attempt"]),
        (&json!("READY"), &json!(1))
    );
    second.succeed(&json!("done")).await;
    assert_eq!(stage.ended(&arn).await["Result"], "\"done\"");
    stage.stop().await;
}

#[tokio::test]
async fn what_is_stopped_ends_with_the_word_of_who_stopped_it() {
    let stage = Stage::with(vec![durable("f")]).await;
    let arn = stage.start("f", &[]).await;
    let mut played = stage.invocation().await;
    played
        .checkpoint(
            &stage,
            json!([{"Id": "w", "Type": "WAIT", "Action": "START", "WaitOptions": {"WaitSeconds": 600}}]),
        )
        .await;
    played.wait().await;
    let error = json!({"ErrorType": "Cancelled", "ErrorMessage": "not wanted"});
    let stopped = stage.told(Method::POST, &format!("{}/stop", path(&arn)), &error.to_string()).await;
    let execution = stage.execution(&arn).await;
    assert_eq!((&execution["Status"], &execution["Error"]), (&json!("STOPPED"), &error));
    assert_eq!(execution["EndTimestamp"], stopped["StopTimestamp"]);
    let again = stage.told(Method::POST, &format!("{}/stop", path(&arn)), "").await;
    assert_eq!(again, stopped);
    stage.stop().await;
}

#[tokio::test]
async fn only_what_is_over_is_deleted() {
    let stage = Stage::with(vec![durable("f")]).await;
    let arn = stage.start("f", &[]).await;
    assert_eq!(stage.ask(Method::DELETE, &path(&arn), "").await.status(), StatusCode::CONFLICT);
    stage.invocation().await.succeed(&json!(1)).await;
    stage.ended(&arn).await;
    assert_eq!(stage.ask(Method::DELETE, &path(&arn), "").await.status(), StatusCode::ACCEPTED);
    assert_eq!(stage.ask(Method::GET, &path(&arn), "").await.status(), StatusCode::NOT_FOUND);
    stage.stop().await;
}

#[tokio::test]
async fn a_process_that_dies_is_replaced_and_its_steps_stay() {
    let stage = Stage::with(vec![durable("f")]).await;
    let arn = stage.start("f", &[]).await;
    let mut first = stage.invocation().await;
    first.checkpoint(&stage, json!([{"Id": "s", "Type": "STEP", "Action": "SUCCEED", "Payload": "1"}])).await;
    first.crash().await;
    let second = stage.invocation().await;
    assert_eq!(second.operations()[0]["StepDetails"]["Result"], "1");
    second.succeed(&json!(2)).await;
    stage.ended(&arn).await;
    let told =
        stage.told(Method::GET, &format!("{}/history?IncludeExecutionData=true", path(&arn)), "").await;
    let died = &told["Events"][3];
    assert_eq!(died["EventType"], "InvocationCompleted");
    assert_eq!(died["InvocationCompletedDetails"]["Error"]["Payload"]["ErrorType"], "Runtime.ExitError");
    stage.stop().await;
}

#[tokio::test]
async fn a_result_too_large_for_an_answer_is_recorded_by_a_checkpoint() {
    let stage = Stage::with(vec![durable("f")]).await;
    let arn = stage.start("f", &[]).await;
    let played = stage.invocation().await;
    // Each of its quotes takes two bytes in the request.
    let result = "\"".repeat(6 << 20);
    let update = json!({"Id": "e", "Type": "EXECUTION", "Action": "SUCCEED", "Payload": result});
    let body = json!({"CheckpointToken": played.token(), "Updates": [update]}).to_string();
    let target = format!("{}/checkpoint", path(&arn));
    let request =
        format!("POST {target} HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let mut socket = stage.running.connect().await;
    let (status, ..) = socket.ask(request.as_bytes()).await;
    assert_eq!(status, 200);
    drop(socket);
    played.answer(json!({"Status": "SUCCEEDED", "Result": ""})).await;
    assert_eq!(stage.ended(&arn).await["Result"].as_str().map(str::len), Some(6 << 20));
    stage.stop().await;
}

#[tokio::test]
async fn an_execution_is_removed_when_its_retention_is_over() {
    let mut short = durable("f");
    short.durable = Some(DurableConfig { execution_timeout_s: 600, retention_days: 0 });
    let stage = Stage::with(vec![short]).await;
    let arn = stage.start("f", &[]).await;
    stage.invocation().await.succeed(&json!(1)).await;
    while stage.ask(Method::GET, &path(&arn), "").await.status() != StatusCode::NOT_FOUND {
        tokio::task::yield_now().await;
    }
    let list = "/2025-12-01/functions/f/durable-executions";
    assert_eq!(stage.told(Method::GET, list, "").await["DurableExecutions"], json!([]));
    stage.stop().await;
}

#[tokio::test]
async fn an_execution_whose_time_is_over_ends_while_its_function_runs() {
    let mut short = durable("f");
    short.durable = Some(DurableConfig { execution_timeout_s: 1, retention_days: 1 });
    let stage = Stage::with(vec![short]).await;
    let input = stage.input();
    let function = stage.invocation();
    let (answer, played) = tokio::join!(stage.running.invoke("f:$LATEST", &input), function);
    let (payload, error) = outcome(&answer);
    assert_eq!((&payload["errorType"], error), (&json!("Execution.TimedOut"), UNHANDLED));
    let body = json!({"CheckpointToken": played.token(), "Updates": []}).to_string();
    let late = stage.ask(Method::POST, &format!("{}/checkpoint", path(played.arn())), &body).await;
    assert_eq!(late.status(), StatusCode::BAD_REQUEST);
    stage.stop().await;
}
