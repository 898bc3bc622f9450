//! The service ends and begins again: nothing is lost, and nothing that was said changes.

use serde_json::json;

use super::playing::{Stage, durable, invoke};
use crate::running::function;

#[tokio::test]
async fn an_invocation_that_was_cut_off_is_run_again() {
    let stage = Stage::with(vec![durable("f")]).await;
    let arn = stage.start("f", &[]).await;
    let mut first = stage.invocation().await;
    first.checkpoint(&stage, json!([{"Id": "s", "Type": "STEP", "Action": "SUCCEED", "Payload": "1"}])).await;
    let stage = stage.again(vec![durable("f")]).await;
    let second = stage.invocation().await;
    assert_eq!(second.operations()[0]["StepDetails"]["Result"], "1");
    assert_ne!(second.token(), first.token());
    second.succeed(&json!(2)).await;
    assert_eq!(stage.ended(&arn).await["Result"], "2");
    stage.stop().await;
}

#[tokio::test]
async fn what_became_due_meanwhile_happens_at_the_start() {
    let stage = Stage::with(vec![durable("f")]).await;
    let arn = stage.start("f", &[]).await;
    let mut first = stage.invocation().await;
    let wait = json!([{"Id": "w", "Type": "WAIT", "Action": "START", "WaitOptions": {"WaitSeconds": 1}}]);
    first.checkpoint(&stage, wait).await;
    first.wait().await;
    stage.seen(&arn, "InvocationCompleted").await;
    let stage = stage.again(vec![durable("f")]).await;
    let second = stage.invocation().await;
    assert_eq!(second.operations()[0]["Status"], "SUCCEEDED");
    second.succeed(&json!(2)).await;
    stage.ended(&arn).await;
    stage.stop().await;
}

#[tokio::test]
async fn chained_functions_and_their_parents_find_each_other_again() {
    let functions = || vec![durable("parent"), durable("child"), function("plain")];
    let stage = Stage::with(functions()).await;
    let arn = stage.start("parent", &[]).await;
    let mut parent = stage.invocation().await;
    let input = stage.input();
    parent
        .checkpoint(&stage, json!([invoke("d", "child:$LATEST", &input), invoke("p", "plain", &input)]))
        .await;
    parent.wait().await;
    stage.seen(&arn, "InvocationCompleted").await;
    // Their processes wait for an answer until the end.
    let cut = [stage.invocation().await, stage.invocation().await];
    let stage = stage.again(functions()).await;
    drop(cut);
    // In any order: the parent may hear of one before the other has begun again.
    let parent = loop {
        let played = stage.invocation().await;
        if played.envelope["DurableExecutionArn"].is_null() {
            played.answer(json!("plain's")).await;
        } else if played.arn() != arn {
            played.succeed(&json!("child's")).await;
        } else if played.operations().iter().all(|operation| operation["Status"] == "SUCCEEDED") {
            break played;
        } else {
            played.wait().await;
        }
    };
    let result = |at: usize| &parent.operations()[at]["ChainedInvokeDetails"]["Result"];
    assert_eq!((result(0), result(1)), (&json!("\"child's\""), &json!("\"plain's\"")));
    parent.succeed(&json!(1)).await;
    stage.ended(&arn).await;
    stage.stop().await;
}

#[tokio::test]
async fn a_database_is_one_services_alone() {
    let stage = Stage::with(vec![durable("f")]).await;
    let second = lambda_local::ExecutionStore::open(&stage.folder.path().join("executions.db"));
    assert_eq!(second.unwrap_err().kind(), std::io::ErrorKind::ResourceBusy);
    stage.stop().await;
}

#[tokio::test]
async fn who_waits_while_the_service_ends_is_told_so() {
    let stage = Stage::with(vec![durable("f")]).await;
    let input = stage.input();
    let ends = async {
        let played = stage.invocation().await;
        stage.running.local.shutdown().await;
        drop(played);
    };
    let (answer, ()) = tokio::join!(stage.running.invoke("f:$LATEST", &input), ends);
    assert_eq!(answer.status(), 500, "{answer:?}");
    assert!(answer.body().ends_with(b"\"The local Lambda is shutting down.\"}"), "{answer:?}");
}
