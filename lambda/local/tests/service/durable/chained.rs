//! Functions that executions invoke.

use http::Method;
use serde_json::json;

use super::playing::{Stage, durable, invoke, path};
use crate::running::function;

#[tokio::test]
async fn a_durable_function_becomes_an_execution_of_its_own() {
    let stage = Stage::with(vec![durable("parent"), durable("child")]).await;
    let arn = stage.start("parent", &[]).await;
    let mut parent = stage.invocation().await;
    parent.checkpoint(&stage, json!([invoke("i", "child:$LATEST", &stage.input())])).await;
    parent.wait().await;
    let child = stage.invocation().await;
    assert!(child.arn().contains(":function:child:"), "{}", child.arn());
    let child_arn = child.arn().to_owned();
    child.succeed(&json!(16)).await;
    let parent = stage.invocation().await;
    let operation = &parent.operations()[0];
    assert_eq!(
        (&operation["Status"], &operation["ChainedInvokeDetails"]["Result"]),
        (&json!("SUCCEEDED"), &json!("16"))
    );
    parent.succeed(&json!("ok")).await;
    stage.ended(&arn).await;
    let expected = [
        "ExecutionStarted",
        "ChainedInvokeStarted",
        "InvocationCompleted",
        "ChainedInvokeSucceeded",
        "InvocationCompleted",
        "ExecutionSucceeded",
    ];
    assert_eq!(stage.history(&arn).await, expected);
    assert_eq!(stage.execution(&child_arn).await["Status"], "SUCCEEDED");
    let told = stage.told(Method::GET, &format!("{}/history", path(&arn)), "").await;
    let details = &told["Events"][1]["ChainedInvokeStartedDetails"];
    assert_eq!(details["DurableExecutionArn"], child_arn);
    assert_eq!(details["ExecutedVersion"], "$LATEST");
    stage.stop().await;
}

#[tokio::test]
async fn any_other_function_is_run_once() {
    let stage = Stage::with(vec![durable("parent"), function("plain")]).await;
    let arn = stage.start("parent", &[]).await;
    let mut parent = stage.invocation().await;
    let updates = json!([
        invoke("good", "plain", r#"{"do":"answer","with":{"x":[1]}}"#),
        invoke("bad", "plain", r#"{"do":"fail","error":{"errorType":"E","errorMessage":"m","trace":["a"]}}"#),
    ]);
    parent.checkpoint(&stage, updates).await;
    parent.wait().await;
    let ended = loop {
        let parent = stage.invocation().await;
        let over = parent.operations().iter().filter(|operation| operation["Status"] != "STARTED").count();
        if over == 2 {
            break parent;
        }
        parent.wait().await;
    };
    let details = |at: usize| &ended.operations()[at]["ChainedInvokeDetails"];
    assert_eq!(details(0)["Result"], r#"{"x":[1]}"#);
    let error = json!({"ErrorType": "E", "ErrorMessage": "m", "StackTrace": ["a"]});
    assert_eq!((&ended.operations()[1]["Status"], &details(1)["Error"]), (&json!("FAILED"), &error));
    ended.succeed(&json!(1)).await;
    stage.ended(&arn).await;
    stage.stop().await;
}

#[tokio::test]
async fn what_cannot_be_invoked_fails_in_the_checkpoints_answer() {
    let reserved = lambda_local::Function { reserved_concurrency: Some(0), ..function("closed") };
    let stage = Stage::with(vec![durable("parent"), durable("child"), reserved]).await;
    let arn = stage.start("parent", &[]).await;
    let mut parent = stage.invocation().await;
    let updates = json!([invoke("a", "nope", "{}"), invoke("b", "child", "{}"), invoke("c", "closed", "{}")]);
    let news = parent.checkpoint(&stage, updates).await;
    let error = |at: usize| {
        assert_eq!(news[at]["Status"], "FAILED");
        let error = &news[at]["ChainedInvokeDetails"]["Error"];
        format!("{}: {}", error["ErrorType"].as_str().unwrap(), error["ErrorMessage"].as_str().unwrap())
    };
    assert_eq!(error(0), "ResourceNotFoundException: Function not found: nope.");
    assert!(
        error(1).starts_with("InvalidParameterValueException: You cannot invoke a durable function"),
        "{}",
        error(1)
    );
    assert_eq!(error(2), "TooManyRequestsException: Rate Exceeded.");
    parent.succeed(&json!(1)).await;
    stage.ended(&arn).await;
    stage.stop().await;
}

#[tokio::test]
async fn a_child_that_is_stopped_stops_its_parents_operation() {
    let stage = Stage::with(vec![durable("parent"), durable("child")]).await;
    let arn = stage.start("parent", &[]).await;
    let mut parent = stage.invocation().await;
    parent.checkpoint(&stage, json!([invoke("i", "child:$LATEST", &stage.input())])).await;
    parent.wait().await;
    let child = stage.invocation().await;
    let error = json!({"ErrorType": "Cancelled"});
    stage.told(Method::POST, &format!("{}/stop", path(child.arn())), &error.to_string()).await;
    let parent = stage.invocation().await;
    let operation = &parent.operations()[0];
    assert_eq!(
        (&operation["Status"], &operation["ChainedInvokeDetails"]["Error"]),
        (&json!("STOPPED"), &error)
    );
    child.succeed(&json!("too late")).await;
    parent.succeed(&json!(1)).await;
    stage.ended(&arn).await;
    stage.stop().await;
}

#[tokio::test]
async fn a_function_may_invoke_itself() {
    let stage = Stage::with(vec![durable("f")]).await;
    let arn = stage.start("f", &[]).await;
    let mut outer = stage.invocation().await;
    outer.checkpoint(&stage, json!([invoke("i", "f:$LATEST", &stage.input())])).await;
    let inner = stage.invocation().await;
    assert_ne!(inner.arn(), arn);
    inner.succeed(&json!(1)).await;
    outer.wait().await;
    let outer = stage.invocation().await;
    assert_eq!(outer.operations()[0]["Status"], "SUCCEEDED");
    outer.succeed(&json!(2)).await;
    stage.ended(&arn).await;
    stage.stop().await;
}
