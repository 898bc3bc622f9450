//! The deliverer as a function, which is handed the ends of calls in batches, as Lambda's event source mapping for SQS does.

use std::{
    io,
    net::{SocketAddr, TcpStream},
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use bytes::Bytes;
use http::{HeaderMap, Method, Response, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::{gateway_function::DELIVERER, server, services::QUEUE_ARN};
use crate::corpus::{
    caller::{PATIENCE, exchange},
    ending::End,
    template::{Known, Word},
};

/// Whom callers have named: takes every callback.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    got: Arc<Mutex<Vec<Callback>>>,
    _runtime: Runtime,
}

type Callback = (HeaderMap, Bytes);

/// A call that was accepted, and how it is to end.
pub(crate) struct Accepted {
    /// Which turn it is, for people.
    pub(crate) at: String,
    pub(crate) end: End,
    /// Of its Invoke.
    pub(crate) target: String,
    pub(crate) event: Bytes,
    pub(crate) known: Known,
}

impl Receiver {
    pub(crate) fn start() -> io::Result<Self> {
        let got = Arc::<Mutex<Vec<Callback>>>::default();
        let arrived = Arc::clone(&got);
        let (address, runtime) = server::serve(move |head, body| {
            arrived.lock().unwrap_or_else(PoisonError::into_inner).push((head.headers, body));
            let mut taken = Response::new(Full::default());
            *taken.status_mut() = StatusCode::NO_CONTENT;
            async { taken }
        })?;
        Ok(Self { address, got, _runtime: runtime })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/done", self.address)
    }

    /// What has come since the last time.
    fn take(&self) -> Vec<Callback> {
        std::mem::take(&mut self.got.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Ends the calls, as many to a batch as Lambda hands over. What differs from what is told of them.
pub(crate) fn deliver(lambda: SocketAddr, receiver: &Receiver, calls: Vec<Accepted>) -> Vec<String> {
    let records: Vec<Result<String, String>> = calls.iter().map(record).collect();
    let mut differences: Vec<String> = records.iter().filter_map(|record| record.clone().err()).collect();
    let records: Vec<String> = records.into_iter().flatten().collect();
    differences.extend(records.chunks(BATCH).filter_map(|batch| hand_over(lambda, batch).err()));
    let mut callbacks = receiver.take();
    for Accepted { at, end, mut known, .. } in calls {
        let id = known.get(&Word::Id).cloned().unwrap_or_default();
        let is_its = |(headers, _): &Callback| headers.get("webhook-id").is_some_and(|of| *of == id);
        let told = callbacks.iter().position(is_its).map(|place| callbacks.swap_remove(place));
        let told = told.as_ref().map(|(headers, body)| (headers, &**body));
        differences.extend(end.check(told, &mut known).err().map(|difference| format!("{at}: {difference}")));
    }
    differences.extend(callbacks.iter().map(|callback| format!("told twice, or to nobody: {callback:?}")));
    // SQS hands messages over at least once.
    differences.extend(records.chunks(BATCH).filter_map(|batch| hand_over(lambda, batch).err()));
    differences.extend(receiver.take().iter().map(|callback| format!("told again: {callback:?}")));
    differences
}

fn record(Accepted { at, end, target, event, .. }: &Accepted) -> Result<String, String> {
    let record = end.record(target, event, SystemTime::now()).map_err(|error| format!("{at}: {error}"))?;
    String::from_utf8(record).map_err(|error| format!("{at}: {error}"))
}

/// # Errors
/// Not all of it is done with.
fn hand_over(lambda: SocketAddr, records: &[String]) -> Result<(), String> {
    let message = |(n, body): (usize, &String)| {
        json!({
            "messageId": format!("message {n}"),
            "receiptHandle": format!("receipt {n}"),
            "body": body,
            "attributes": { "ApproximateReceiveCount": "1" },
            "messageAttributes": {},
            "eventSource": "aws:sqs",
            "eventSourceARN": QUEUE_ARN,
            "awsRegion": "us-east-1",
        })
    };
    let batch = json!({ "Records": records.iter().enumerate().map(message).collect::<Vec<_>>() }).to_string();
    let raw = format!(
        "POST /2015-03-31/functions/{DELIVERER}/invocations HTTP/1.1\r\nHost: {lambda}\r\nContent-Length: {}\r\n\r\n{batch}",
        batch.len()
    );
    let answered = TcpStream::connect(lambda).and_then(|mut caller| {
        caller.set_read_timeout(Some(PATIENCE))?;
        exchange(&mut caller, &Method::POST, raw.into())
    });
    let answer = answered.map_err(|error| error.to_string())?;
    let told: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    if answer.head.status == StatusCode::OK && told == json!({ "batchItemFailures": [] }) {
        Ok(())
    } else {
        Err(format!("a batch: {} with {}", answer.head.status, String::from_utf8_lossy(&answer.body)))
    }
}

/// Source: `CreateEventSourceMapping`, `BatchSize` for SQS where nothing is said.
const BATCH: usize = 10;
