//! The operator's listener: is it up, is it ready, what does it count, what is it; what waits, and what becomes of it.
//!
//! No key is asked for, so it listens on loopback only and answers only requests that name a loopback host: a web
//! page whose name was made to resolve to 127.0.0.1 is somebody else's.

use std::{
    future::Future,
    net::IpAddr,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use http::{HeaderValue, Method, Response, StatusCode, header, request};
use tokio::net::TcpListener;

use crate::{
    body::Body,
    events::View,
    front,
    metrics::{self, Levels, Metrics},
};

mod events;

pub use events::X_STAYPUT_ADMIN;

/// What the operator may ask.
pub struct Admin {
    pub metrics: Arc<Metrics>,
    /// Read at each request for the metrics.
    pub levels: Box<dyn Fn() -> Levels + Send + Sync>,
    pub readiness: Readiness,
    /// Not set: asynchronous calls wait where nobody can look.
    pub events: Arc<OnceLock<View>>,
}

/// Should traffic come here? Not before everything stands, and not once the end has begun. Clones share the answer.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    pub fn set(&self, ready: bool) {
        self.0.store(ready, Ordering::Release);
    }

    pub fn is_ready(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Answers on `listener` until `stop` is ready.
pub async fn serve(admin: Admin, listener: TcpListener, stop: impl Future<Output = ()>) {
    let admin = Arc::new(admin);
    front::serve_here(listener, front::Limits::default(), stop, Arc::new(()), move |request, _| {
        let (admin, (head, _)) = (Arc::clone(&admin), request.into_parts());
        async move { admin.answer(&head).await }
    })
    .await;
}

impl Admin {
    async fn answer(&self, request: &request::Parts) -> Response<Body> {
        if !names_loopback(request) {
            return text(StatusCode::MISDIRECTED_REQUEST, "this listener answers only as localhost\n");
        }
        let (path, query) = (request.uri.path(), request.uri.query().unwrap_or_default());
        let below = path.strip_prefix("/events").filter(|rest| rest.is_empty() || rest.starts_with('/'));
        if let Some(rest) = below {
            return events::answer(self.events.get(), (&request.method, &request.headers), rest, query).await;
        }
        if let Some(id) = path.strip_prefix("/calls/").filter(|id| !id.contains('/')) {
            return events::answer_call(self.events.get(), &request.method, id).await;
        }
        if !matches!(request.method, Method::GET | Method::HEAD) {
            return method_not_allowed("GET, HEAD");
        }
        match path {
            "/healthz" => text(StatusCode::OK, "ok\n"),
            "/readyz" if self.readiness.is_ready() => text(StatusCode::OK, "ready\n"),
            "/readyz" => text(StatusCode::SERVICE_UNAVAILABLE, "not ready\n"),
            "/version" => of_type("application/json", VERSION),
            "/metrics" => {
                if let Some(events) = self.events.get() {
                    self.metrics.set_depths(events.depths().await);
                }
                of_type(metrics::CONTENT_TYPE, self.metrics.encode((self.levels)()))
            }
            _ => text(
                StatusCode::NOT_FOUND,
                "here are /healthz, /readyz, /metrics, /version, /events and /calls/ID\n",
            ),
        }
    }
}

fn names_loopback(request: &request::Parts) -> bool {
    let Some(host) = request.headers.get(header::HOST).and_then(|host| host.to_str().ok()) else {
        return false;
    };
    let Ok(authority) = host.parse::<http::uri::Authority>() else { return false };
    let name = authority.host();
    let literal = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    name.eq_ignore_ascii_case("localhost")
        || literal.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

fn method_not_allowed(allowed: &'static str) -> Response<Body> {
    let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, "not with this method\n");
    answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    answer
}

fn text(status: StatusCode, body: &'static str) -> Response<Body> {
    let mut answer = of_type("text/plain; charset=utf-8", body);
    *answer.status_mut() = status;
    answer
}

fn of_type(content_type: &'static str, body: impl Into<bytes::Bytes>) -> Response<Body> {
    let mut answer = Response::new(Body::whole(body));
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer
}

const VERSION: &str = concat!(r#"{"name":"stayput","version":""#, env!("CARGO_PKG_VERSION"), "\"}\n");

#[cfg(test)]
mod tests {
    use http::Request;
    use http_body_util::BodyExt as _;
    use stayput_core::table::Table;

    use super::*;

    fn admin(ready: bool) -> Admin {
        let readiness = Readiness::default();
        readiness.set(ready);
        Admin {
            metrics: Arc::new(Metrics::new(&Table::default())),
            levels: Box::new(|| Levels { buffered_bytes: 7, ..Levels::default() }),
            readiness,
            events: Arc::default(),
        }
    }

    fn ask(admin: &Admin, method: Method, path: &str, host: &str) -> (StatusCode, String) {
        let request = Request::builder().method(method).uri(path).header("host", host).body(()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let answer = runtime.block_on(admin.answer(&request.into_parts().0));
        let status = answer.status();
        let body = runtime.block_on(answer.into_body().collect()).unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[track_caller]
    fn check(path: &str, ready: bool, expected: StatusCode, says: &str) {
        let (status, body) = ask(&admin(ready), Method::GET, path, "localhost:9080");
        assert_eq!(status, expected, "{path}");
        assert!(body.contains(says), "{path}: {body}");
    }

    #[test]
    fn the_four_questions_have_answers() {
        check("/healthz", false, StatusCode::OK, "ok");
        check("/readyz", true, StatusCode::OK, "ready");
        check("/readyz", false, StatusCode::SERVICE_UNAVAILABLE, "not ready");
        check("/version", false, StatusCode::OK, env!("CARGO_PKG_VERSION"));
        check("/metrics", false, StatusCode::OK, "stayput_buffered_bytes 7");
        check("/", false, StatusCode::NOT_FOUND, "/healthz");
    }

    #[test]
    fn a_page_of_another_name_gets_nothing() {
        for (host, expected) in [
            ("127.0.0.1:9080", StatusCode::OK),
            ("[::1]:9080", StatusCode::OK),
            ("LOCALHOST", StatusCode::OK),
            ("evil.example", StatusCode::MISDIRECTED_REQUEST),
            ("10.0.0.1:9080", StatusCode::MISDIRECTED_REQUEST),
            ("", StatusCode::MISDIRECTED_REQUEST),
        ] {
            assert_eq!(ask(&admin(true), Method::GET, "/healthz", host).0, expected, "{host:?}");
        }
    }

    #[test]
    fn what_can_be_asked_cannot_be_ordered() {
        assert_eq!(
            ask(&admin(true), Method::POST, "/healthz", "localhost").0,
            StatusCode::METHOD_NOT_ALLOWED
        );
    }
}
