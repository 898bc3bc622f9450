//! A service with durable functions that a test plays.

use std::{io::ErrorKind, path::Path, time::Duration};

use bytes::Bytes;
use event_queue::{EventQueue, Limits, OpenError};
use http::{Method, Request, Response, StatusCode};
use lambda_local::{ExecutionStore, Function, Settings, function::DurableConfig};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

use crate::running::{Running, function, header};

/// The service, its disk, and the door at which invocations of functions arrive.
pub(super) struct Stage {
    pub(super) running: Running,
    pub(super) folder: TempDir,
    door: TcpListener,
}

/// An invocation that the test plays.
pub(super) struct Played {
    pub(super) envelope: Value,
    function: BufReader<TcpStream>,
    token: String,
}

pub(super) fn durable(name: &str) -> Function {
    let config = DurableConfig { execution_timeout_s: 600, retention_days: 1 };
    Function { durable: Some(config), ..function(name) }
}

/// Of a service that has this folder, once whoever had it before has let go of it: what was under way there may have to come to its end.
async fn settings(folder: &Path) -> Settings {
    let opened = async {
        loop {
            match ExecutionStore::open(&folder.join("executions.db")) {
                Err(error) if error.kind() == ErrorKind::ResourceBusy => tokio::task::yield_now().await,
                opened => return opened.unwrap(),
            }
        }
    };
    let store = tokio::time::timeout(LONG, opened).await.expect("it is let go of");
    let opened = async {
        loop {
            match EventQueue::open(&folder.join("events.db"), Limits::default()) {
                Err(OpenError::InUse { .. }) => tokio::task::yield_now().await,
                opened => return opened.unwrap(),
            }
        }
    };
    let events = tokio::time::timeout(LONG, opened).await.expect("so is this");
    Settings { executions: Some(store), events: Some(events), ..Settings::default() }
}

impl Stage {
    pub(super) async fn with(functions: Vec<Function>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let running = Running::start(settings(folder.path()).await, functions).await;
        Self { running, folder, door: TcpListener::bind("127.0.0.1:0").await.unwrap() }
    }

    /// The same disk and door, after `end` of what ran before.
    pub(super) async fn again(self, functions: Vec<Function>) -> Self {
        let Self { running, folder, door } = self;
        running.stop().await;
        let running = Running::start(settings(folder.path()).await, functions).await;
        Self { running, folder, door }
    }

    pub(super) async fn stop(self) {
        self.running.stop().await;
    }

    /// What makes a function come to the door.
    pub(super) fn input(&self) -> String {
        json!({"do": "relay", "port": self.door.local_addr().unwrap().port()}).to_string()
    }

    /// Starts an execution of `function` without waiting, and returns its ARN.
    pub(super) async fn start(&self, function: &str, headers: &[(&str, &str)]) -> String {
        let headers: Vec<_> = [("x-amz-invocation-type", "Event")].iter().chain(headers).copied().collect();
        let target = format!("/2015-03-31/functions/{function}/invocations?Qualifier=$LATEST");
        let answer = self.running.call(&target, &headers, &self.input()).await;
        assert_eq!(answer.status(), StatusCode::ACCEPTED, "{answer:?}");
        header(&answer, "x-amz-durable-execution-arn").expect("an execution has an ARN").to_owned()
    }

    /// The next invocation of any function.
    pub(super) async fn invocation(&self) -> Played {
        let (function, _) =
            tokio::time::timeout(LONG, self.door.accept()).await.expect("it is invoked").unwrap();
        let mut function = BufReader::new(function);
        let mut line = String::new();
        function.read_line(&mut line).await.unwrap();
        let envelope: Value = serde_json::from_str(&line).unwrap();
        let token = envelope["CheckpointToken"].as_str().unwrap_or_default().to_owned();
        Played { envelope, function, token }
    }

    pub(super) async fn ask(&self, method: Method, target: &str, body: &str) -> Response<Bytes> {
        let (head, ()) = Request::builder().method(method).uri(target).body(()).unwrap().into_parts();
        let answer = self.running.local.call(head, Bytes::copy_from_slice(body.as_bytes())).await;
        answer.map(|body| body.into_whole().expect("not streamed"))
    }

    /// Of a call that works.
    pub(super) async fn told(&self, method: Method, target: &str, body: &str) -> Value {
        let answer = self.ask(method, target, body).await;
        assert!(answer.status().is_success(), "{target}: {answer:?}");
        serde_json::from_slice(answer.body()).unwrap()
    }

    pub(super) async fn execution(&self, arn: &str) -> Value {
        self.told(Method::GET, &path(arn), "").await
    }

    /// Once the execution is over: a function's answer is not waited for by anybody.
    pub(super) async fn ended(&self, arn: &str) -> Value {
        let ended = async {
            loop {
                let told = self.execution(arn).await;
                if told["Status"] != "RUNNING" {
                    return told;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(LONG, ended).await.expect("it ends")
    }

    /// Once the history ends with that.
    pub(super) async fn seen(&self, arn: &str, last: &str) {
        let seen = async {
            while self.history(arn).await.last().is_none_or(|event| event != last) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(LONG, seen).await.expect("it comes to that");
    }

    /// `EventType` of each event, in order.
    pub(super) async fn history(&self, arn: &str) -> Vec<String> {
        let told = self.told(Method::GET, &format!("{}/history", path(arn)), "").await;
        let events = told["Events"].as_array().unwrap();
        events.iter().map(|event| event["EventType"].as_str().unwrap().to_owned()).collect()
    }
}

impl Played {
    pub(super) fn arn(&self) -> &str {
        self.envelope["DurableExecutionArn"].as_str().unwrap()
    }

    pub(super) fn token(&self) -> &str {
        &self.token
    }

    /// Operations as the function is told them, without the execution's own.
    pub(super) fn operations(&self) -> &[Value] {
        &self.envelope["InitialExecutionState"]["Operations"].as_array().unwrap()[1..]
    }

    /// A checkpoint with these updates; the operations that are news.
    pub(super) async fn checkpoint(&mut self, stage: &Stage, updates: Value) -> Vec<Value> {
        let body = json!({"CheckpointToken": self.token, "Updates": updates}).to_string();
        let target = format!("{}/checkpoint", path(self.arn()));
        let told = stage.told(Method::POST, &target, &body).await;
        told["CheckpointToken"].as_str().unwrap().clone_into(&mut self.token);
        told["NewExecutionState"]["Operations"].as_array().unwrap().clone()
    }

    /// Ends with this answer.
    pub(super) async fn answer(mut self, answer: Value) {
        self.function.get_mut().write_all(format!("{answer}\n").as_bytes()).await.unwrap();
    }

    pub(super) async fn succeed(self, result: &Value) {
        self.answer(json!({"Status": "SUCCEEDED", "Result": result.to_string()})).await;
    }

    pub(super) async fn wait(self) {
        self.answer(json!({"Status": "PENDING"})).await;
    }

    /// Its process ends in the middle of it.
    pub(super) async fn crash(mut self) {
        self.function.get_mut().write_all(b"exit\n").await.unwrap();
    }
}

/// The update by which a function invokes another.
pub(super) fn invoke(id: &str, target: &str, input: &str) -> Value {
    json!({
        "Id": id, "Type": "CHAINED_INVOKE", "Action": "START", "Payload": input,
        "ChainedInvokeOptions": {"FunctionName": target},
    })
}

/// Of an execution's resource.
pub(super) fn path(arn: &str) -> String {
    let label: String = arn
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => char::from(byte).to_string(),
            odd => format!("%{odd:02X}"),
        })
        .collect();
    format!("/2025-12-01/durable-executions/{label}")
}

/// Longer than a busy machine takes.
const LONG: Duration = Duration::from_secs(60);
