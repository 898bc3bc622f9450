use std::{cell::Cell, collections::VecDeque, rc::Rc};

use http::{Response, StatusCode, header::CONNECTION};
use http_body_util::BodyExt;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use lambda_durable::{Action, Moment, Notation, OperationType};
use lambda_protocol::sigv4::Verifier;
use serde_json::{Value, json, value::to_raw_value};
use tokio::{net::TcpListener, task::LocalSet};

use super::*;
use crate::{
    Error,
    durable::{
        Step,
        handler::Typed,
        invocation::{Host, answer},
        journal::Writer,
        resolver::Resolver,
    },
};

/// What the service does about a call.
enum Reply {
    Answer(u16, Value),
    /// The same, and nothing more over this connection.
    Last(Value),
    /// The connection is cut without a word.
    Cut,
}

use Reply::{Answer as Say, Cut, Last};

#[derive(Debug, thiserror::Error)]
#[error("cut off")]
struct CutOff;

/// A call, as it came.
struct Seen {
    head: request::Parts,
    body: Bytes,
}

#[derive(Default)]
struct Service {
    replies: RefCell<VecDeque<Reply>>,
    seen: RefCell<Vec<Seen>>,
    connections: Cell<usize>,
}

impl Service {
    async fn serve(self: Rc<Self>, listener: TcpListener) {
        while let Ok((stream, _)) = listener.accept().await {
            self.connections.set(self.connections.get() + 1);
            let service = Rc::clone(&self);
            let service = service_fn(move |request| Rc::clone(&service).answer(request));
            tokio::task::spawn_local(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    }

    async fn answer(self: Rc<Self>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, CutOff> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        self.seen.borrow_mut().push(Seen { head, body });
        let mut response = Response::builder();
        let (status, answer) = match self.replies.borrow_mut().pop_front().expect("no more calls") {
            Say(status, answer) => (status, answer),
            Last(answer) => {
                response = response.header(CONNECTION, "close");
                (200, answer)
            }
            Cut => return Err(CutOff),
        };
        let status = StatusCode::from_u16(status).unwrap();
        Ok(response.status(status).body(Full::from(answer.to_string())).unwrap())
    }

    fn bodies(&self) -> Vec<Value> {
        self.seen.borrow().iter().map(|seen| serde_json::from_slice(&seen.body).unwrap()).collect()
    }
}

fn credentials() -> Credentials {
    Credentials::new("AKIDEXAMPLE", SecretKey::new("hush"), Some("session")).unwrap()
}

/// No test waits.
const NO_PAUSES: [Duration; 3] = [Duration::ZERO; 3];

/// What `work` gives, and what the service has seen of it.
fn with_service<T>(
    replies: impl IntoIterator<Item = Reply>,
    work: impl AsyncFnOnce(HttpJournal) -> T,
) -> (T, Rc<Service>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let service = Rc::new(Service::default());
        service.replies.borrow_mut().extend(replies);
        let serving = tokio::task::spawn_local(Rc::clone(&service).serve(listener));
        let journal = HttpJournal::new(&endpoint, "eu-west-1".to_owned(), credentials(), &NO_PAUSES).unwrap();
        let result = work(journal).await;
        serving.abort();
        (result, service)
    })
}

const ARN: &str = "arn:aws:lambda:eu-west-1:123456789012:function:f:$LATEST/durable-execution/n/1";

fn update() -> OperationUpdate {
    OperationUpdate {
        payload: Some("7".to_owned()),
        ..OperationUpdate::new("a", OperationType::Step, Action::Succeed)
    }
}

async fn checkpoint(journal: &HttpJournal, token: &str) -> Result<Answer, JournalError> {
    journal.checkpoint(&Checkpoint { arn: ARN, token, updates: &[update()] }).await
}

fn taken(token: &str) -> Value {
    json!({"CheckpointToken": token, "NewExecutionState": {"Operations": [], "NextMarker": null}, "More": 1})
}

#[test]
fn a_checkpoint_is_a_signed_call_with_the_arn_as_one_segment() {
    let (answer, service) =
        with_service([Say(200, taken("T2"))], async |journal| checkpoint(&journal, "T1").await.unwrap());
    assert_eq!(answer.checkpoint_token.as_deref(), Some("T2"));
    let seen = service.seen.borrow_mut().pop().unwrap();
    let arn = "arn%3Aaws%3Alambda%3Aeu-west-1%3A123456789012%3Afunction%3Af%3A%24LATEST%2Fdurable-execution%2Fn%2F1";
    assert_eq!(seen.head.uri.to_string(), format!("/2025-12-01/durable-executions/{arn}/checkpoint"));
    let verifier =
        Verifier { credentials: credentials(), region: "eu-west-1".to_owned(), service: "lambda".to_owned() };
    let claim = verifier.read(&seen.head, SystemTime::now()).unwrap();
    claim.verify(&seen.head, &payload_hash(&seen.body)).unwrap();
    let body: Value = serde_json::from_slice(&seen.body).unwrap();
    let update = json!({"Id": "a", "Type": "STEP", "Action": "SUCCEED", "Payload": "7"});
    assert_eq!((&body["CheckpointToken"], &body["Updates"]), (&json!("T1"), &json!([update])));
    assert_eq!(body["ClientToken"].as_str().unwrap().len(), 64);
}

#[track_caller]
fn check_tries(replies: impl IntoIterator<Item = Reply>, expected: Result<(), &str>, calls: usize) {
    let (result, service) = with_service(replies, async |journal| checkpoint(&journal, "T1").await.map(drop));
    let text = result.as_ref().map_err(ToString::to_string);
    match (text, expected) {
        (Ok(()), Ok(())) => {}
        (Err(text), Err(part)) => assert!(text.contains(part), "{text}"),
        (result, expected) => panic!("{result:?} instead of {expected:?}"),
    }
    let bodies = service.bodies();
    assert_eq!(bodies.len(), calls);
    assert!(
        bodies.iter().all(|body| *body == bodies[0]),
        "the same call, and the same ClientToken: {bodies:?}"
    );
}

#[test]
fn a_call_that_may_succeed_is_made_again_with_the_same_client_token() {
    let busy = || Say(429, json!({"Type": "User", "message": "Rate exceeded"}));
    check_tries([busy(), Say(500, json!({})), Cut, Say(200, taken("T2"))], Ok(()), 4);
    check_tries([Cut, Cut, Cut, Cut], Err("could not be reached"), 4);
    check_tries([busy(), busy(), busy(), busy()], Err("429 User: Rate exceeded"), 4);
    check_tries([Say(200, json!("?")), Say(200, taken("T2"))], Err("not understood"), 1);
}

#[test]
fn a_refusal_is_final() {
    let stale = json!({"__type": "com.amazonaws.lambda#InvalidParameterValueException", "message": "Invalid checkpoint token"});
    check_tries([Say(400, stale)], Err("400 InvalidParameterValueException: Invalid checkpoint token"), 1);
    check_tries([Say(403, json!("?"))], Err("403"), 1);
}

#[test]
fn other_tokens_and_other_updates_are_other_calls() {
    let token = |token, updates: &[OperationUpdate]| client_token(&Checkpoint { arn: ARN, token, updates });
    assert_eq!(token("T1", &[update()]), token("T1", &[update()]));
    assert_ne!(token("T1", &[update()]), token("T2", &[update()]));
    assert_ne!(token("T1", &[update()]), token("T1", &[]));
}

#[test]
fn one_connection_serves_until_it_is_closed() {
    let replies = [Say(200, taken("T2")), Last(taken("T3")), Say(200, taken("T4"))];
    let (_, service) = with_service(replies, async |journal| {
        for token in ["T1", "T2", "T3"] {
            checkpoint(&journal, token).await.unwrap();
        }
    });
    assert_eq!((service.connections.get(), service.seen.borrow().len()), (2, 3));
}

#[test]
fn a_page_of_state_is_asked_for_with_token_and_marker() {
    let page = json!({"Operations": [{"Id": "a"}], "NextMarker": "m=2"});
    let (page, service) =
        with_service([Say(200, page)], async |journal| journal.state(ARN, "T/1", "m 1").await.unwrap());
    assert_eq!((page.operations.len(), page.next_marker.as_deref()), (1, Some("m=2")));
    let seen = service.seen.borrow_mut().pop().unwrap();
    assert_eq!(seen.head.uri.query(), Some("CheckpointToken=T%2F1&Marker=m%201&MaxItems=1000"));
    let verifier =
        Verifier { credentials: credentials(), region: "eu-west-1".to_owned(), service: "lambda".to_owned() };
    let claim = verifier.read(&seen.head, SystemTime::now()).unwrap();
    claim.verify(&seen.head, &payload_hash(b"")).unwrap();
}

#[test]
fn moments_are_milliseconds_in_the_event_and_seconds_in_answers() {
    let operation = |id: &str, ended: Value| json!({"Id": id, "EndTimestamp": ended});
    let page =
        json!({"Operations": [operation("b", json!(1.5)), operation("c", json!("1970-01-01T00:00:02Z"))]});
    let (told, _) = with_service([Say(200, page)], async |journal| {
        let first = State { operations: vec![operation("a", json!(500))], next_marker: Some("1".to_owned()) };
        Writer::new(&journal, ARN, "T1".to_owned()).read(first, Notation::Milliseconds).await.unwrap()
    });
    let ended: Vec<_> = told.into_iter().map(|told| told.ended.unwrap()).collect();
    assert_eq!(ended, [Moment(500), Moment(1_500), Moment(2_000)]);
}

/// A whole invocation over HTTP.
fn invoke(
    replies: impl IntoIterator<Item = Reply>,
    state: &Value,
    handler: impl AsyncFn(i64, Step) -> Result<i64, Error>,
) -> (Result<String, Error>, Rc<Service>) {
    let event = json!({"DurableExecutionArn": ARN, "CheckpointToken": "T1", "InitialExecutionState": state, "More": 1});
    with_service(replies, async |journal| {
        let host = Host { journal, resolver: Rc::new(Resolver::default()), clock: Rc::new(SystemTime::now) };
        let handler: Typed<_, i64, i64> = Typed::new(handler);
        let answer = answer(&host, &handler, 0, &to_raw_value(&event).unwrap()).await;
        answer.map(|answer| answer.get().to_owned())
    })
}

fn own() -> Value {
    json!({"Id": "e", "Type": "EXECUTION", "Status": "STARTED", "ExecutionDetails": {"InputPayload": "3"}})
}

async fn add(number: i64, step: Step) -> Result<i64, Error> {
    let one = step.run("one", async || Ok(1)).await?;
    Ok(number + one)
}

fn done(result: &str) -> Value {
    let id = crate::durable::identity::operation_id("", "run", "one", 0);
    json!({
        "Id": id, "Type": "STEP", "SubType": "StepRun", "Name": "one", "Status": "SUCCEEDED",
        "StepDetails": {"Result": result, "Attempt": 1, "Colour": "blue"},
    })
}

#[test]
fn an_invocation_over_http() {
    let mut answer = taken("T2");
    answer["NewExecutionState"]["Operations"] = json!([done("1")]);
    let (said, service) = invoke([Say(200, answer)], &json!({"Operations": [own()]}), add);
    assert_eq!(said.unwrap(), r#"{"Status":"SUCCEEDED","Result":"4"}"#);
    let updates = &service.bodies()[0]["Updates"];
    assert_eq!((&updates[0]["Name"], &updates[0]["Payload"]), (&json!("one"), &json!("1")));
}

#[test]
fn the_rest_of_a_state_is_read_before_the_handler_runs() {
    let first = json!({"Operations": [own()], "NextMarker": "2"});
    let rest = [
        Say(200, json!({"Operations": [{"Id": "x", "Type": "DREAM"}], "NextMarker": "3"})),
        Say(200, json!({"Operations": [done("10")], "NextMarker": ""})),
    ];
    let (said, service) = invoke(rest, &first, add);
    assert_eq!(said.unwrap(), r#"{"Status":"SUCCEEDED","Result":"13"}"#);
    assert_eq!(service.seen.borrow().len(), 2);
}

#[test]
fn a_step_in_a_state_that_nobody_knows_is_waited_for() {
    let mut dreamt = done("1");
    dreamt["Status"] = json!("DREAMT");
    let (said, service) = invoke([], &json!({"Operations": [own(), dreamt]}), add);
    assert_eq!(said.unwrap(), r#"{"Status":"PENDING"}"#);
    assert!(service.seen.borrow().is_empty());
}

#[test]
fn a_stale_token_fails_the_invocation_and_says_nothing_of_the_execution() {
    let stale = json!({"Type": "User", "message": "Invalid checkpoint token"});
    let (said, _) = invoke([Say(400, stale)], &json!({"Operations": [own()]}), add);
    let error = said.unwrap_err();
    assert_eq!(error.error_type(), "JournalError");
    assert!(error.message().contains("Invalid checkpoint token"), "{error:?}");
}

#[test]
fn without_a_token_there_is_nothing_to_write_and_the_invocation_ends() {
    let answer = json!({"NewExecutionState": {"Operations": [done("1")]}});
    let (said, _) = invoke([Say(200, answer)], &json!({"Operations": [own()]}), add);
    assert_eq!(said.unwrap(), r#"{"Status":"PENDING"}"#);
}

#[test]
fn an_event_of_another_function_is_refused() {
    let (said, _) = with_service([], async |journal| {
        let host = Host { journal, resolver: Rc::new(Resolver::default()), clock: Rc::new(SystemTime::now) };
        let handler: Typed<_, i64, i64> = Typed::new(add);
        answer(&host, &handler, 0, &to_raw_value(&json!({"id": 7})).unwrap()).await.map(drop)
    });
    let error = said.unwrap_err();
    assert_eq!(error.error_type(), Error::INVALID_EVENT);
    assert!(error.message().contains("DurableConfig"), "{error:?}");
}

#[track_caller]
fn check_variables(changed: &str, to: Option<&str>, complaint: Option<&str>) {
    const SET: [(&str, &str); 3] =
        [("AWS_REGION", "eu-west-1"), ("AWS_ACCESS_KEY_ID", "AKID"), ("AWS_SECRET_ACCESS_KEY", "hush")];
    let made = HttpJournal::from_variables(|name| {
        let value = SET.iter().find(|(set, _)| *set == name).map(|(_, value)| *value);
        if name == changed { to } else { value }.map(str::to_owned)
    });
    match (made, complaint) {
        (Ok(_), None) => {}
        (Err(text), Some(part)) => assert!(text.contains(part), "{text}"),
        (made, complaint) => panic!("{:?} instead of {complaint:?}", made.err()),
    }
}

#[test]
fn lambdas_variables_say_where_and_who() {
    check_variables("", None, None);
    check_variables("AWS_ENDPOINT_URL_LAMBDA", Some("http://127.0.0.1:3001/"), None);
    check_variables(
        "AWS_ENDPOINT_URL_LAMBDA",
        Some("127.0.0.1"),
        Some("AWS_ENDPOINT_URL_LAMBDA is no address"),
    );
    check_variables(
        "AWS_ENDPOINT_URL_LAMBDA",
        Some("ftp://x"),
        Some("AWS_ENDPOINT_URL_LAMBDA is no address"),
    );
    check_variables("AWS_SESSION_TOKEN", Some("a b"), Some("credentials are unusable"));
    for name in ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
        check_variables(name, None, Some(name));
    }
}
