//! What is told of executions, in pages.

use http::{Method, StatusCode};
use serde_json::json;

use super::playing::{Stage, durable, path};
use crate::running::header;

#[tokio::test]
async fn a_list_comes_in_pages_and_is_chosen_from() {
    let stage = Stage::with(vec![durable("f")]).await;
    let mut arns = Vec::new();
    for name in ["a", "b", "c"] {
        arns.push(stage.start("f", &[("x-amz-durable-execution-name", name)]).await);
        stage.invocation().await.succeed(&json!(1)).await;
        stage.ended(&arns[arns.len() - 1]).await;
    }
    let list = async |query: &str| {
        let told =
            stage.told(Method::GET, &format!("/2025-12-01/functions/f/durable-executions?{query}"), "").await;
        let names = told["DurableExecutions"].as_array().unwrap().iter();
        let names: String = names.map(|one| one["DurableExecutionName"].as_str().unwrap()).collect();
        (names, told["NextMarker"].as_str().map(str::to_owned))
    };
    let (first, marker) = list("MaxItems=2").await;
    assert_eq!(first, "ab");
    assert_eq!(list(&format!("MaxItems=2&Marker={}", marker.unwrap())).await, ("c".to_owned(), None));
    assert_eq!(list("ReverseOrder=true").await.0, "cba");
    assert_eq!(list("Statuses=RUNNING&Statuses=FAILED").await.0, "");
    assert_eq!(list("Statuses=SUCCEEDED&DurableExecutionName=b").await.0, "b");
    assert_eq!(list("StartedAfter=2100-01-01T00%3A00%3A00Z").await.0, "");
    assert_eq!(list("StartedBefore=2100-01-01T00%3A00%3A00Z&Qualifier=$LATEST").await.0, "abc");
    stage.stop().await;
}

#[tokio::test]
async fn history_comes_in_pages_either_way_and_with_data_if_asked_for() {
    let stage = Stage::with(vec![durable("f")]).await;
    let arn = stage.start("f", &[]).await;
    stage.invocation().await.succeed(&json!(7)).await;
    stage.ended(&arn).await;
    let page = async |query: &str| {
        let told = stage.told(Method::GET, &format!("{}/history?{query}", path(&arn)), "").await;
        let numbers: Vec<_> =
            told["Events"].as_array().unwrap().iter().map(|event| event["EventId"].clone()).collect();
        (json!(numbers), told["NextMarker"].clone())
    };
    assert_eq!(page("MaxItems=2").await, (json!([1, 2]), json!("2")));
    assert_eq!(page("MaxItems=2&Marker=2").await, (json!([3]), json!(null)));
    assert_eq!(page("ReverseOrder=true&MaxItems=2").await, (json!([3, 2]), json!("2")));
    assert_eq!(page("ReverseOrder=true&Marker=2").await, (json!([1]), json!(null)));
    let told =
        stage.told(Method::GET, &format!("{}/history?IncludeExecutionData=true", path(&arn)), "").await;
    assert_eq!(told["Events"][2]["ExecutionSucceededDetails"]["Result"]["Payload"], "7");
    let told = stage.told(Method::GET, &format!("{}/history", path(&arn)), "").await;
    assert_eq!(told["Events"][2]["ExecutionSucceededDetails"], json!({}));
    stage.stop().await;
}

#[tokio::test]
async fn the_state_comes_in_pages_to_whoever_has_the_token() {
    let stage = Stage::with(vec![durable("f")]).await;
    let arn = stage.start("f", &[]).await;
    let mut played = stage.invocation().await;
    let step =
        |id: usize| json!({"Id": format!("s{id}"), "Type": "STEP", "Action": "SUCCEED", "Payload": "1"});
    played.checkpoint(&stage, json!((0..5).map(step).collect::<Vec<_>>())).await;
    let mut seen = Vec::new();
    let mut marker = String::new();
    loop {
        let token = played.token().replace('=', "%3D");
        let target = format!("{}/state?CheckpointToken={token}&MaxItems=2&Marker={marker}", path(&arn));
        let told = stage.told(Method::GET, &target, "").await;
        seen.extend(
            told["Operations"].as_array().unwrap().iter().map(|one| one["Id"].as_str().unwrap().to_owned()),
        );
        told["NextMarker"].as_str().unwrap().clone_into(&mut marker);
        if marker.is_empty() {
            break;
        }
    }
    assert_eq!(seen[1..], ["s0", "s1", "s2", "s3", "s4"]);
    let refused = stage.ask(Method::GET, &format!("{}/state?CheckpointToken=x", path(&arn)), "").await;
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    played.succeed(&json!(1)).await;
    stage.ended(&arn).await;
    stage.stop().await;
}

#[tokio::test]
async fn a_page_has_a_thousand_items_at_most() {
    let stage = Stage::with(vec![durable("f")]).await;
    let arn = stage.start("f", &[]).await;
    let played = stage.invocation().await;
    let too_many = "1 validation error detected: Value '1001' at 'maxItems' failed to satisfy constraint: Member must have value less \
                    than or equal to 1000";
    let state = format!("{}/state?CheckpointToken={}&", path(&arn), played.token().replace('=', "%3D"));
    for list in ["/2025-12-01/functions/f/durable-executions?", &format!("{}/history?", path(&arn)), &state] {
        let refused = stage.ask(Method::GET, &format!("{list}MaxItems=1001"), "").await;
        assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
        assert_eq!(header(&refused, "x-amzn-errortype"), Some("ValidationException"));
        assert!(String::from_utf8_lossy(refused.body()).contains(too_many), "{refused:?}");
        for fits in ["0", "1000"] {
            stage.told(Method::GET, &format!("{list}MaxItems={fits}"), "").await;
        }
    }
    played.succeed(&json!(1)).await;
    stage.ended(&arn).await;
    stage.stop().await;
}

#[tokio::test]
async fn what_is_no_execution_is_not_found() {
    let stage = Stage::with(vec![durable("f")]).await;
    let arn = "arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST/durable-execution/a/b";
    assert_eq!(stage.ask(Method::GET, &path(arn), "").await.status(), StatusCode::NOT_FOUND);
    assert_eq!(stage.ask(Method::GET, &path("arn:aws:lambda"), "").await.status(), StatusCode::BAD_REQUEST);
    let callback = "/2025-12-01/durable-execution-callbacks/YWJj/heartbeat";
    assert_eq!(stage.ask(Method::POST, callback, "").await.status(), StatusCode::NOT_FOUND);
    stage.stop().await;
}
