//! A Runtime API that has a few invocations for a function and notes what it is told, piece by piece.

use std::{cell::RefCell, collections::VecDeque, rc::Rc};

use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use stayput_runtime::{
    Bytes,
    http::{HeaderMap, Method, Request, Response, StatusCode},
};
use tokio::{net::TcpListener, sync::Notify};

/// What an invocation was answered with.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    /// `response` or `error`.
    pub(crate) kind: String,
    pub(crate) headers: HeaderMap,
    /// As they arrived: two of them may have come as one.
    pub(crate) pieces: Vec<String>,
    pub(crate) trailers: HeaderMap,
}

pub(crate) struct RuntimeApi {
    events: RefCell<VecDeque<String>>,
    told: RefCell<Vec<Told>>,
    /// A piece has come.
    piece: Notify,
    /// The function asks for an event after the last.
    finished: Notify,
}

/// What is done about an answer. The function asks for it, by a piece that says so.
enum Manner {
    /// Read to its end, and accepted.
    Kind,
    /// Read to its end, and refused: [`STALE`].
    Refusing,
    /// Answered at once, in the middle: [`EARLY`].
    Early,
    /// The connection is cut: [`CUT`].
    Cutting,
}

/// Why a connection is cut.
#[derive(Debug, thiserror::Error)]
#[error("cut off")]
struct CutOff;

impl RuntimeApi {
    pub(crate) fn new(events: &[&str]) -> Self {
        Self {
            events: RefCell::new(events.iter().map(ToString::to_string).collect()),
            told: RefCell::default(),
            piece: Notify::new(),
            finished: Notify::new(),
        }
    }

    pub(crate) async fn serve(self: Rc<Self>, listener: TcpListener) {
        while let Ok((stream, _)) = listener.accept().await {
            let api = Rc::clone(&self);
            let service = service_fn(move |request| Rc::clone(&api).answer(request));
            tokio::task::spawn_local(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    }

    pub(crate) async fn finished(&self) {
        self.finished.notified().await;
    }

    pub(crate) fn told(&self) -> Vec<Told> {
        self.told.take()
    }

    async fn answer(self: Rc<Self>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, CutOff> {
        let (head, body) = request.into_parts();
        match (head.method, head.uri.path()) {
            (Method::GET, "/2018-06-01/runtime/invocation/next") => Ok(self.next().await),
            // Answered as soon as a piece has come.
            (Method::GET, GATE) => {
                self.piece.notified().await;
                Ok(Response::default())
            }
            (method, path) => {
                let id = self.told.borrow().len();
                let kind = path.strip_prefix(&format!("/2018-06-01/runtime/invocation/id-{id}/"));
                let kind = kind.expect("an answer to the last event").to_owned();
                assert_eq!(method, Method::POST);
                assert_eq!(head.headers["lambda-runtime-invocation-id"], attempt(id));
                self.take(
                    Told { kind, headers: head.headers, pieces: vec![], trailers: HeaderMap::new() },
                    body,
                )
                .await
            }
        }
    }

    async fn take(&self, mut told: Told, mut body: Incoming) -> Result<Response<Full<Bytes>>, CutOff> {
        let mut manner = Manner::Kind;
        while let Some(frame) = body.frame().await {
            match frame.unwrap().into_data() {
                Ok(piece) => {
                    let piece = String::from_utf8(piece.to_vec()).unwrap();
                    manner = Manner::asked_for(&piece).unwrap_or(manner);
                    told.pieces.push(piece);
                    self.piece.notify_one();
                }
                Err(frame) => told.trailers = frame.into_trailers().unwrap(),
            }
            if matches!(manner, Manner::Early | Manner::Cutting) {
                break;
            }
        }
        self.told.borrow_mut().push(told);
        let status = match manner {
            Manner::Kind => StatusCode::ACCEPTED,
            Manner::Refusing | Manner::Early => StatusCode::GONE,
            Manner::Cutting => return Err(CutOff),
        };
        Ok(Response::builder().status(status).body(Full::default()).unwrap())
    }

    async fn next(&self) -> Response<Full<Bytes>> {
        let event = self.events.borrow_mut().pop_front();
        let Some(event) = event else {
            self.finished.notify_one();
            return std::future::pending().await;
        };
        let id = self.told.borrow().len();
        Response::builder()
            .header("content-type", "application/json")
            .header("lambda-runtime-aws-request-id", format!("id-{id}"))
            .header("lambda-runtime-invocation-id", attempt(id))
            .header("lambda-runtime-deadline-ms", FAR_DEADLINE_MS)
            .header("lambda-runtime-invoked-function-arn", ARN)
            .header("lambda-runtime-trace-id", "Root=1-0-0;Sampled=0")
            .header("lambda-runtime-client-context", r#"{"custom":{"tenant":"7"}}"#)
            .body(Full::from(event))
            .unwrap()
    }
}

impl Manner {
    fn asked_for(piece: &str) -> Option<Self> {
        match piece {
            STALE => Some(Self::Refusing),
            EARLY => Some(Self::Early),
            CUT => Some(Self::Cutting),
            _ => None,
        }
    }
}

fn attempt(id: usize) -> String {
    format!("attempt-{id}")
}

pub(crate) const GATE: &str = "/gate";
pub(crate) const STALE: &str = "stale";
pub(crate) const EARLY: &str = "early";
pub(crate) const CUT: &str = "cut";
pub(crate) const ARN: &str = "arn:aws:lambda:us-east-1:123456789012:function:stock";
/// In the year 2100, in milliseconds since 1970.
const FAR_DEADLINE_MS: u64 = 4_102_444_800_000;
