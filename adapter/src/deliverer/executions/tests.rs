use std::sync::Mutex;

use event_queue::{EventQueue, Limits};
use http::{HeaderMap, Response, request};
use lambda_protocol::{destination::DestinationRecord, status_change::Detail};
use stayput_core::{
    FunctionKey,
    callback::{CallbackUrl, Hops},
};
use tempfile::TempDir;

use super::*;
use crate::{
    backend::{BackendFuture, Reply, ReplyBody},
    ledger::{Promise, StoredTable},
};

/// A Lambda that answers that, whatever it is asked.
#[derive(Debug)]
struct Says(u16, String, Mutex<Vec<String>>);

impl LambdaBackend for Says {
    fn call(&self, head: request::Parts, _: Bytes) -> BackendFuture<'_> {
        self.2.lock().unwrap().push(head.uri.to_string());
        let (status, body) = (self.0, self.1.clone());
        let (head, ()) = Response::builder().status(status).body(()).unwrap().into_parts();
        Box::pin(async move { Ok(Reply { head, body: ReplyBody::Whole(body.into()) }) })
    }
}

const CALL: Uuid = Uuid::from_u128(7);

fn keys() -> SealingKeys {
    SealingKeys::parse(&"ab".repeat(32)).unwrap()
}

fn ticket(now: SystemTime) -> Ticket {
    Ticket {
        invocation: CALL,
        key: "k".to_owned(),
        dialect: "openfaas".to_owned(),
        function: FunctionKey::new("f"),
        lambda: FunctionRef::parse("f:live").unwrap(),
        qualifier: None,
        callback: CallbackUrl::read(b"https://caller.example/done").unwrap(),
        echo: HeaderMap::new(),
        created: now,
        expires: now + Duration::from_secs(60),
        hops: Hops::of(&HeaderMap::new()),
    }
}

fn change(name: &str, function: &str, status: &str) -> StatusChange {
    let function_arn = format!("arn:aws:lambda:us-east-1:000000000000:function:{function}:3");
    let detail = Detail {
        durable_execution_arn: format!("{function_arn}/durable-execution/{name}/x"),
        durable_execution_name: name.to_owned(),
        function_arn,
        status: status.to_owned(),
        start_timestamp: String::new(),
        end_timestamp: None,
    };
    StatusChange::new("1".to_owned(), String::new(), String::new(), String::new(), detail)
}

/// What becomes of a change, with a promise for [`CALL`] in the ledger.
async fn become_of(
    change: &StatusChange,
    status: u16,
    told: &str,
) -> (Result<Option<String>, RecordsError>, Vec<String>, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let store = EventQueue::open(&folder.path().join("events.db"), Limits::default()).unwrap();
    let ledger = Ledger::new(Arc::new(StoredTable::new(store).unwrap()));
    let now = SystemTime::now();
    let promise = Promise::new(ticket(now).seal(&keys(), [0; _]), now, Duration::from_secs(60));
    ledger.promise(CALL, &promise).await.unwrap();
    let lambda = Arc::new(Says(status, told.to_owned(), Mutex::default()));
    let executions = Executions { ledger, lambda: Arc::clone(&lambda) as Arc<dyn LambdaBackend> };
    let record = executions.record_of(change, &keys(), now).await;
    let asked = lambda.2.lock().unwrap().clone();
    (record.map(|found| found.map(|(_, record)| record)), asked, folder)
}

#[track_caller]
fn check(record: &str, failed: bool, payload: &str) {
    let record = DestinationRecord::decode(record.as_bytes()).unwrap();
    assert_eq!(record.function_arn, "arn:aws:lambda:us-east-1:000000000000:function:f:live");
    assert_eq!(record.response.unwrap().function_error.is_some(), failed);
    assert_eq!(record.response_payload.unwrap().get(), payload);
    let opened =
        Ticket::of_record(&DestinationRecord { response: None, ..record }, &keys(), SystemTime::now());
    assert_eq!(opened.unwrap().unwrap().invocation, CALL, "it is the call's");
}

#[tokio::test]
async fn the_end_of_an_execution_becomes_the_record_of_its_call() {
    let name = CALL.to_string();
    for (status, told, failed, payload) in [
        (
            "SUCCEEDED",
            r#"{"Status":"SUCCEEDED","Result":"{\"a\":1}","EndTimestamp":1795240011.733}"#,
            false,
            r#"{"a":1}"#,
        ),
        ("SUCCEEDED", r#"{"Status":"SUCCEEDED"}"#, false, "null"),
        (
            "FAILED",
            r#"{"Status":"FAILED","Error":{"ErrorType":"E","ErrorMessage":"m"}}"#,
            true,
            r#"{"errorType":"E","errorMessage":"m"}"#,
        ),
        ("STOPPED", r#"{"Status":"STOPPED","Error":{}}"#, true, r#"{"errorType":"Execution.Stopped"}"#),
    ] {
        let (record, asked, _folder) = become_of(&change(&name, "f", status), 200, told).await;
        check(&record.unwrap().expect(told), failed, payload);
        assert!(asked[0].contains("%3A3%2Fdurable-execution%2F") && asked.len() == 1, "{asked:?}");
    }
}

#[tokio::test]
async fn a_time_that_is_over_is_told_as_that_of_any_function() {
    let (record, ..) =
        become_of(&change(&CALL.to_string(), "f", "TIMED_OUT"), 200, r#"{"Status":"TIMED_OUT"}"#).await;
    let record = record.unwrap().unwrap();
    assert!(record.contains("Sandbox.Timedout"), "{record}");
}

#[tokio::test]
async fn what_nobody_was_promised_is_nobodys() {
    let other = Uuid::from_u128(8).to_string();
    for change in [
        change(&other, "f", "SUCCEEDED"),
        change("order-7", "f", "SUCCEEDED"),
        change(&CALL.to_string(), "f", "RUNNING"),
        change(&CALL.to_string(), "another", "SUCCEEDED"),
    ] {
        let (record, asked, _folder) = become_of(&change, 200, r#"{"Status":"SUCCEEDED"}"#).await;
        assert!(record.unwrap().is_none() && asked.is_empty(), "{change:?}");
    }
}

#[tokio::test]
async fn what_lambda_does_not_tell_is_asked_for_again_unless_it_is_gone() {
    let change = change(&CALL.to_string(), "f", "SUCCEEDED");
    for (status, told) in [(500, ""), (403, "{}"), (200, "{"), (200, r#"{"Status":"RUNNING"}"#)] {
        let (record, ..) = become_of(&change, status, told).await;
        assert!(matches!(record, Err(RecordsError::Unanswered(_))), "{status} {told}");
    }
    let (record, ..) = become_of(&change, 404, "{}").await;
    assert!(record.unwrap().unwrap().contains("Execution.Gone"));
}
