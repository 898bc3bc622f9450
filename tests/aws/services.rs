//! DynamoDB and SQS, as far as the gateway and the deliverer ask them where nothing goes wrong: one table, and a queue that says
//! its name.

use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use http::{Response, StatusCode, request};
use http_body_util::Full;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::{server, signer::Signer};

pub(crate) struct Services {
    pub(crate) address: SocketAddr,
    kept: Arc<Mutex<Kept>>,
    _runtime: Runtime,
}

/// What was put there.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    /// The table's items, by their key.
    pub(crate) items: BTreeMap<String, Value>,
    /// How often each was, by its key.
    pub(crate) writes: BTreeMap<String, usize>,
    /// What was asked for and is not known here, or was not signed well.
    pub(crate) mistakes: Vec<String>,
}

impl Services {
    pub(crate) fn start() -> io::Result<Self> {
        let kept = Arc::<Mutex<Kept>>::default();
        let asked = Arc::clone(&kept);
        let (address, runtime) = server::serve(move |head, input| {
            let answer = answer(&mut lock(&asked), &head, &input);
            async move { answer }
        })?;
        Ok(Self { address, kept, _runtime: runtime })
    }

    /// The callbacks' queue, and the dead letters'.
    pub(crate) fn queues(&self) -> [String; 2] {
        ["callbacks", "dead-letters"].map(|name| format!("http://{}/000000000000/{name}", self.address))
    }

    pub(crate) fn kept(&self) -> MutexGuard<'_, Kept> {
        lock(&self.kept)
    }
}

/// The callbacks' queue.
pub(crate) const QUEUE_ARN: &str = "arn:aws:sqs:us-east-1:000000000000:callbacks";

fn lock(kept: &Mutex<Kept>) -> MutexGuard<'_, Kept> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

fn answer(kept: &mut Kept, head: &request::Parts, input: &[u8]) -> Response<Full<Bytes>> {
    let target = head.headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    let (service, operation) = target.split_once('.').unwrap_or_default();
    let service = if service == "AmazonSQS" { "sqs" } else { "dynamodb" };
    let done = Signer::Function.verify(service, head, input).map_err(|error| error.message).and_then(|()| {
        let input = serde_json::from_slice(input).map_err(|error| error.to_string())?;
        kept.answer(operation, &input).ok_or_else(|| format!("{operation} with {input}"))
    });
    let (status, told) = done.unwrap_or_else(|mistake| {
        kept.mistakes.push(mistake);
        (StatusCode::BAD_REQUEST, json!({ "__type": "ValidationException" }))
    });
    let mut response = Response::new(Full::from(told.to_string()));
    *response.status_mut() = status;
    response
}

impl Kept {
    /// How many promises stand so.
    pub(crate) fn promises(&self, standing: &str) -> usize {
        let values = self
            .items
            .iter()
            .filter(|(key, _)| key.starts_with("promises/"))
            .map(|(_, item)| &item["value"]["B"]);
        let promises =
            values.map(|value| base64_simd::STANDARD.decode_to_vec(value.as_str().expect("bytes")));
        let promises =
            promises.map(|bytes| serde_json::from_slice::<Value>(&bytes.expect("base64")).expect("JSON"));
        promises.filter(|promise| promise["standing"] == standing).count()
    }

    /// `None`: that is not known here.
    fn answer(&mut self, operation: &str, input: &Value) -> Option<(StatusCode, Value)> {
        let done = |told| Some((StatusCode::OK, told));
        match operation {
            "GetItem" => {
                let item = self.items.get(input["Key"]["pk"]["S"].as_str()?);
                done(item.map_or_else(|| json!({}), |item| json!({ "Item": item })))
            }
            "PutItem" => {
                let item = input["Item"].clone();
                let key = item["pk"]["S"].as_str()?.to_owned();
                let there = self.items.get(&key);
                let holds = match input.get("ConditionExpression").map(Value::as_str) {
                    None => true,
                    // Nothing expires in these runs.
                    Some(Some("attribute_not_exists(pk) OR expires <= :now")) => there.is_none(),
                    Some(Some("#value = :before")) => there
                        .is_some_and(|there| there["value"] == input["ExpressionAttributeValues"][":before"]),
                    Some(_) => return None,
                };
                if !holds {
                    let refused = json!({ "__type": "ConditionalCheckFailedException", "Item": there });
                    return Some((StatusCode::BAD_REQUEST, refused));
                }
                *self.writes.entry(key.clone()).or_default() += 1;
                self.items.insert(key, item);
                done(json!({}))
            }
            "GetQueueAttributes" => done(json!({ "Attributes": { "QueueArn": QUEUE_ARN } })),
            _ => None,
        }
    }
}
