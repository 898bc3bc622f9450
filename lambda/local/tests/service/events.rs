//! Asynchronous calls, with a database in a folder of their own and waits a thousand times shorter than AWS's.

mod acceptance;
mod api;
mod inspection;
mod loops;
mod outcomes;
mod restarts;

use std::{
    path::Path,
    time::{Duration, Instant},
};

use bytes::Bytes;
use event_queue::{EventQueue, Limits, OpenError};
use http::{Request, Response, StatusCode};
use lambda_local::{
    Function, Settings,
    events::{Event, EventState, Filter, Message, PageToken},
    function::EventInvokeConfig,
};
use serde_json::Value;
use tempfile::TempDir;

use crate::running::{Running, function, header};

/// A service that keeps events.
struct Events {
    running: Running,
    folder: TempDir,
}

impl Events {
    async fn with(function: Function) -> Self {
        Self::start(Settings::default(), vec![function]).await
    }

    async fn start(settings: Settings, functions: Vec<Function>) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), settings, functions).await
    }

    async fn start_in(folder: TempDir, settings: Settings, functions: Vec<Function>) -> Self {
        let settings = Settings { events: Some(open(folder.path())), ..scaled(settings) };
        Self { running: Running::start(settings, functions).await, folder }
    }

    /// Ends it and starts another one in the same place.
    async fn restart(self, settings: Settings, functions: Vec<Function>) -> Self {
        let folder = self.stop().await;
        Self::start_in(folder, settings, functions).await
    }

    async fn stop(self) -> TempDir {
        self.running.stop().await;
        self.folder
    }

    /// Sends an event and returns its request id.
    async fn send(&self, function: &str, event: &str) -> String {
        let answer = self.event(function, &[], event).await;
        assert_eq!((answer.status(), answer.body().len()), (StatusCode::ACCEPTED, 0), "{answer:?}");
        header(&answer, "x-amzn-requestid").unwrap().to_owned()
    }

    async fn event(&self, function: &str, headers: &[(&str, &str)], event: &str) -> Response<Bytes> {
        let headers = [&[("x-amz-invocation-type", "Event")], headers].concat();
        self.running.call(&format!("/2015-03-31/functions/{function}/invocations"), &headers, event).await
    }

    /// The next message of the queue, taken out.
    async fn message(&self, queue: &str) -> Message {
        let queue = self.running.local.sqs(&sqs(queue)).unwrap();
        loop {
            queue.ready().await;
            let received = queue.receive(1, Duration::from_secs(60)).await.unwrap();
            if let [message] = &received[..] {
                queue.delete(message).await.unwrap();
                return message.clone();
            }
        }
    }

    /// The next message of the queue, which is a record.
    async fn record(&self, queue: &str) -> Value {
        serde_json::from_slice(&self.message(queue).await.body).unwrap()
    }

    async fn list(&self) -> Vec<Event> {
        let log = self.running.local.events().unwrap();
        log.list(Filter::default(), PageToken::default(), 100).await.unwrap().events
    }

    /// The only event that there is, once it is in that state.
    async fn only(&self, state: EventState) -> Event {
        loop {
            if let [event] = &self.list().await[..]
                && event.state == state
            {
                return event.clone();
            }
            tokio::task::yield_now().await;
        }
    }

    /// A call that is no `POST`, or has a body that is no event.
    async fn ask(&self, method: &str, target: &str, body: &str) -> Response<Bytes> {
        let request = Request::builder().method(method).uri(target).body(()).unwrap();
        let body = Bytes::copy_from_slice(body.as_bytes());
        let answer = self.running.local.call(request.into_parts().0, body).await;
        answer.map(|body| body.into_whole().expect("not streamed"))
    }
}

/// A child that another test starts in this moment has all our files, locks among them, until it becomes its program.
fn open(folder: &Path) -> EventQueue {
    let begun = Instant::now();
    loop {
        match EventQueue::open(&folder.join("events.db"), Limits::default()) {
            Err(OpenError::InUse { .. }) if begun.elapsed() < CHILD_TIME => std::thread::yield_now(),
            opened => return opened.unwrap(),
        }
    }
}

const CHILD_TIME: Duration = Duration::from_secs(10);

fn scaled(settings: Settings) -> Settings {
    Settings { wait_scale: 0.001, ..settings }
}

fn sqs(queue: &str) -> String {
    format!("arn:aws:sqs:us-east-1:000000000000:{queue}")
}

fn lambda(function: &str) -> String {
    format!("arn:aws:lambda:us-east-1:000000000000:function:{function}")
}

/// `misbehave` under that name, whose successes go to the queue `good` and whose failures go to `bad`.
fn told(name: &str) -> Function {
    let mut function = function(name);
    function.events.config = Some(EventInvokeConfig {
        on_success: Some(sqs("good")),
        on_failure: Some(sqs("bad")),
        ..EventInvokeConfig::default()
    });
    function
}

fn config(function: &mut Function) -> &mut EventInvokeConfig {
    function.events.config.get_or_insert_default()
}

const FAIL: &str = r#"{"do":"fail","error":{"errorType":"BadLuck","errorMessage":"no luck"}}"#;
