//! Executions of a function that has no place for all of them.

use serde_json::json;

use super::playing::{Played, Stage, durable};

#[tokio::test]
async fn whoever_waits_for_a_place_has_it_once_it_is_free() {
    let narrow = lambda_local::Function { reserved_concurrency: Some(1), ..durable("narrow") };
    let stage = Stage::with(vec![narrow]).await;
    let mut arns = Vec::new();
    for _ in 0..EXECUTIONS {
        arns.push(stage.start("narrow", &[]).await);
    }
    let mut at_once = 0;
    for _ in 0..EXECUTIONS {
        let played = stage.invocation().await;
        at_once += usize::from(attempts(&played) == 1);
        played.succeed(&json!(1)).await;
    }
    for arn in arns {
        assert_eq!(stage.ended(&arn).await["Status"], "SUCCEEDED");
    }
    // A machine that is very busy may keep some of them waiting for longer than they do in one attempt.
    assert!(at_once > EXECUTIONS / 2, "{at_once} of {EXECUTIONS} ran in their first attempt");
    stage.stop().await;
}

#[tokio::test]
async fn whoever_waits_for_a_place_at_the_services_end_has_it_after_the_next_start() {
    let narrow = lambda_local::Function { reserved_concurrency: Some(1), ..durable("narrow") };
    let stage = Stage::with(vec![narrow.clone()]).await;
    let mut arns = Vec::new();
    for _ in 0..3 {
        arns.push(stage.start("narrow", &[]).await);
    }
    stage.invocation().await.crash().await;
    let stage = stage.again(vec![narrow]).await;
    for _ in 0..3 {
        stage.invocation().await.succeed(&json!(1)).await;
    }
    for arn in arns {
        assert_eq!(stage.ended(&arn).await["Status"], "SUCCEEDED");
    }
    stage.stop().await;
}

/// How often the execution has asked for a place, this time included: the second part of its token.
fn attempts(played: &Played) -> u32 {
    let token = base64_simd::STANDARD.decode_to_vec(played.token()).unwrap();
    String::from_utf8(token).unwrap().split('.').nth(1).unwrap().parse().unwrap()
}

const EXECUTIONS: usize = 40;
