//! A Lambda on a port, who says what a conversation tells it to.

use std::{
    future::pending,
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use bytes::Bytes;
use http::{Method, Response, request};
use http_body_util::Full;
use lambda_protocol::invoke::X_AMZN_REQUEST_ID;
use serde_json::json;
use stayput::backend::{Reply, ReplyBody};
use tokio::runtime::Runtime;

use super::{server, services::QUEUE_ARN, signer::Signer};
use crate::corpus::told::ToldLambda;

/// What it looks at before it says anything.
#[derive(Clone, Copy)]
pub(crate) enum Checks {
    /// As strictly as the embedded service; and the whole Invoke is compared.
    Signatures(Signer),
    /// Whoever asks is a function, who knows no more than its event.
    Nothing,
}

pub(crate) struct Wire {
    pub(crate) address: SocketAddr,
    pub(crate) told: Arc<ToldLambda>,
    requests: Arc<AtomicUsize>,
    payload: Arc<Mutex<Bytes>>,
    _runtime: Runtime,
}

impl Wire {
    pub(crate) fn start(checks: Checks) -> io::Result<Self> {
        let (told, requests) = (Arc::<ToldLambda>::default(), Arc::<AtomicUsize>::default());
        let payload = Arc::<Mutex<Bytes>>::default();
        let (lambda, counted, last) = (Arc::clone(&told), Arc::clone(&requests), Arc::clone(&payload));
        let (address, runtime) = server::serve(move |head, payload| {
            counted.fetch_add(1, Relaxed);
            *last.lock().unwrap_or_else(PoisonError::into_inner) = payload.clone();
            let lambda = Arc::clone(&lambda);
            async move { answer(&lambda, checks, &head, &payload).await }
        })?;
        Ok(Self { address, told, requests, payload, _runtime: runtime })
    }

    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Relaxed)
    }

    /// The last request's.
    pub(crate) fn payload(&self) -> Bytes {
        self.payload.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn answer(
    lambda: &ToldLambda,
    checks: Checks,
    head: &request::Parts,
    payload: &[u8],
) -> Response<Full<Bytes>> {
    let answer = match checks {
        Checks::Signatures(signer) => match signer.verify("lambda", head, payload) {
            Ok(()) if head.method == Method::GET => return destinations(),
            Ok(()) => lambda.answer(head, payload),
            Err(error) => Some(Err(lambda.differs(format!("the signature is refused: {}", error.message)))),
        },
        Checks::Nothing => {
            let request_id = head.headers[X_AMZN_REQUEST_ID].to_str().expect("a UUID");
            lambda.answer_function(request_id.to_owned(), payload)
        }
    };
    match answer {
        Some(Ok(Reply { head, body: ReplyBody::Whole(body) })) => Response::from_parts(head, Full::new(body)),
        Some(Ok(Reply { body: ReplyBody::Arriving(_), .. })) => unreachable!("it was told as a whole"),
        // The difference that was found is what the test will tell of.
        Some(Err(_)) => Response::new(Full::default()),
        None => pending().await,
    }
}

/// `GetFunctionEventInvokeConfig`: each function tells the callbacks' queue how its calls end.
fn destinations() -> Response<Full<Bytes>> {
    let to = json!({ "Destination": QUEUE_ARN });
    let config = json!({ "DestinationConfig": { "OnSuccess": to, "OnFailure": to } });
    Response::new(Full::from(config.to_string()))
}
