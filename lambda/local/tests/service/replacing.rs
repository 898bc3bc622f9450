//! Another program in a function's place, while calls run.

use lambda_local::Function;
use serde_json::json;
use tokio::{io::AsyncWriteExt, net::TcpListener};

use crate::running::{Running, function, outcome, see_end};

const COUNT: &str = r#"{"do":"count"}"#;

fn written_as(code: &str) -> Function {
    Function { variables: [("CODE".to_owned(), code.to_owned())].into(), ..function("f") }
}

async fn code(local: &Running) -> serde_json::Value {
    outcome(&local.invoke("f", r#"{"do":"environment"}"#).await).0["CODE"].take()
}

#[tokio::test]
async fn what_runs_finishes_on_the_old_program_and_what_comes_runs_on_the_new_one() {
    let local = Running::with(written_as("old")).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let event = json!({"do": "meet", "port": listener.local_addr().unwrap().port()}).to_string();
    let replaced = async {
        let (mut running, _) = listener.accept().await.unwrap();
        assert!(local.local.replace(written_as("new")));
        // Not held up by the call that runs.
        assert_eq!(code(&local).await, "new");
        running.write_all(b"g").await.unwrap();
    };
    let (old, ()) = tokio::join!(local.invoke("f", &event), replaced);
    assert_eq!(outcome(&old).1, None, "the running call has its answer");
    // Two environments would take turns, if the old one had come back.
    let (first, second) = tokio::join!(code(&local), code(&local));
    assert_eq!((first, second), (json!("new"), json!("new")));
    local.stop().await;
}

#[tokio::test]
async fn an_idle_environment_ends_when_its_function_is_replaced() {
    let local = Running::with(written_as("old")).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let event = json!({"do": "stay-met", "port": listener.local_addr().unwrap().port()}).to_string();
    let (answer, meeting) = tokio::join!(local.invoke("f", &event), listener.accept());
    assert_eq!(outcome(&answer).1, None);
    local.local.replace(written_as("new"));
    see_end(&mut meeting.unwrap().0).await;
    assert_eq!(outcome(&local.invoke("f", COUNT).await).0["calls"], 1, "another process");
    local.stop().await;
}

#[tokio::test]
async fn calls_without_pause_meet_every_replacement_and_none_is_dropped() {
    let local = Running::with(written_as("0")).await;
    let calls = async {
        for _ in 0..CALLS {
            assert_eq!(outcome(&local.invoke("f", COUNT).await).1, None);
        }
    };
    let replacements = async {
        for turn in 1..=REPLACEMENTS {
            local.local.replace(written_as(&turn.to_string()));
            assert_eq!(code(&local).await, turn.to_string());
        }
    };
    tokio::join!(calls, replacements);
    local.stop().await;
}

#[tokio::test]
async fn a_name_that_is_not_there_is_not_replaced() {
    let local = Running::with(written_as("old")).await;
    assert!(!local.local.replace(function("other")));
    assert_eq!(local.local.functions().len(), 1);
    local.stop().await;
}

const CALLS: usize = 60;

const REPLACEMENTS: usize = 20;
