//! Many HTTP calls at once.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::{runtime::Runtime, task::JoinSet};

/// One answer, whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Sends `request` `times` times, all at once, and waits for all answers.
pub(crate) fn at_once(times: usize, request: &Request<String>) -> Vec<Answer> {
    let runtime = runtime();
    runtime.block_on(async {
        let client = Client::builder(TokioExecutor::new()).build_http();
        let calls: JoinSet<_> = (0..times).map(|_| call(client.clone(), request.clone())).collect();
        let answers =
            tokio::time::timeout(PATIENCE, calls.join_all()).await.expect("no call is left hanging");
        answers.into_iter().map(|answer| answer.expect("an answer")).collect()
    })
}

pub(crate) fn once(request: &Request<String>) -> Answer {
    try_once(request).expect("an answer")
}

/// An error where whoever is asked ends before it has answered.
pub(crate) fn try_once(request: &Request<String>) -> Result<Answer, Broken> {
    runtime().block_on(call(Client::builder(TokioExecutor::new()).build_http(), request.clone()))
}

async fn call(client: HttpClient, request: Request<String>) -> Result<Answer, Broken> {
    let (head, body) = client.request(request.map(|body| Full::new(Bytes::from(body)))).await?.into_parts();
    let body = body.collect().await?.to_bytes();
    Ok(Answer { status: head.status, headers: head.headers, body })
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

type HttpClient = Client<HttpConnector, Full<Bytes>>;
type Broken = Box<dyn std::error::Error + Send + Sync>;

const PATIENCE: Duration = Duration::from_secs(120);
