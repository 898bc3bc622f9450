//! A Lambda on a port, who says what a conversation tells it to.

use std::{
    convert::Infallible,
    future::pending,
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::SystemTime,
};

use bytes::Bytes;
use http::{Request, Response, request};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use lambda_protocol::{
    api_error::ApiError,
    invoke::X_AMZN_REQUEST_ID,
    sigv4::{Credentials, SecretKey, Verifier, payload_hash},
};
use stayput::backend::{Reply, ReplyBody};
use tokio::{net::TcpListener, runtime::Runtime};

use super::process::{ACCESS_KEY_ID, REGION, SECRET};
use crate::corpus::told::ToldLambda;

/// What it looks at before it says anything.
#[derive(Clone, Copy)]
pub(crate) enum Checks {
    /// As strictly as the embedded service; and the whole Invoke is compared.
    Signatures,
    /// Whoever asks is a function, who knows no more than its event.
    Nothing,
}

pub(crate) struct Wire {
    pub(crate) address: SocketAddr,
    pub(crate) told: Arc<ToldLambda>,
    requests: Arc<AtomicUsize>,
    _runtime: Runtime,
}

impl Wire {
    pub(crate) fn start(checks: Checks) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
        let address = listener.local_addr()?;
        let (told, requests) = (Arc::<ToldLambda>::default(), Arc::<AtomicUsize>::default());
        let (lambda, counted) = (Arc::clone(&told), Arc::clone(&requests));
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (lambda, counted) = (Arc::clone(&lambda), Arc::clone(&counted));
                let service = service_fn(move |request| {
                    counted.fetch_add(1, Relaxed);
                    let lambda = Arc::clone(&lambda);
                    async move { Ok::<_, Infallible>(answer(&lambda, checks, request).await) }
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Ok(Self { address, told, requests, _runtime: runtime })
    }

    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Relaxed)
    }
}

async fn answer(lambda: &ToldLambda, checks: Checks, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let payload = body.collect().await.expect("a whole request").to_bytes();
    let answer = match checks {
        Checks::Signatures => match verify(&head, &payload) {
            Ok(()) => lambda.answer(&head, &payload),
            Err(error) => Some(Err(lambda.differs(format!("the signature is refused: {}", error.message)))),
        },
        Checks::Nothing => {
            let request_id = head.headers[X_AMZN_REQUEST_ID].to_str().expect("a UUID");
            lambda.answer_function(request_id.to_owned(), &payload)
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

fn verify(head: &request::Parts, payload: &[u8]) -> Result<(), ApiError> {
    let credentials = Credentials::new(ACCESS_KEY_ID, SecretKey::new(SECRET), None).expect("an access key");
    let verifier = Verifier { credentials, region: REGION.to_owned(), service: "lambda".to_owned() };
    verifier.read(head, SystemTime::now())?.verify(head, &payload_hash(payload))
}
