//! Against a collector on loopback that keeps what it is sent. The messages are protobuf, in which ids are their bytes
//! and texts themselves, so that both can be found without a decoder.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderValue, Method, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use stayput_core::Mode;
use tokio::net::TcpListener;
use uuid::Uuid;

use super::*;

type Received = Arc<Mutex<Vec<(http::request::Parts, bytes::Bytes)>>>;

/// A collector that answers with `status`, and what it received.
async fn collector(status: StatusCode) -> (String, Received) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let received = Received::default();
    let kept = Arc::clone(&received);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let kept = Arc::clone(&kept);
            let service = service_fn(move |request: http::Request<Incoming>| {
                let kept = Arc::clone(&kept);
                async move {
                    let (head, body) = request.into_parts();
                    let body = body.collect().await?.to_bytes();
                    kept.lock().unwrap().push((head, body));
                    let answer = http::Response::builder().status(status);
                    Ok::<_, hyper::Error>(answer.body(Full::new(bytes::Bytes::new())).expect("an answer"))
                }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    (url, received)
}

fn traces(url: &str) -> Traces {
    let exporter = SpanExporter::builder().with_http().with_http_client(Collector::new());
    let exporter = exporter.with_endpoint(format!("{url}/v1/traces")).with_protocol(Protocol::HttpBinary);
    Traces::to(exporter.build().unwrap(), Sampling::parse(None, None).unwrap(), None)
}

fn record(traces: &Traces, traceparent: &'static str) {
    let mut headers = HeaderMap::new();
    headers.insert("traceparent", HeaderValue::from_static(traceparent));
    let mut trace = Trace::join(&headers, Uuid::from_u128(7), SystemTime::UNIX_EPOCH);
    traces.decide(&mut trace);
    traces.record(&Finished {
        dialect: "stedi",
        function: Some("resize"),
        key: Some("the-label"),
        caller_id: None,
        mode: Some(Mode::Sync),
        method: Some(&Method::POST),
        status: StatusCode::OK,
        blame: None,
        rejection: None,
        time: SystemTime::UNIX_EPOCH + Duration::from_secs(1),
        duration: Duration::from_millis(2),
        request_id: Uuid::from_u128(7),
        trace,
    });
}

fn holds(message: &[u8], part: &[u8]) -> bool {
    message.windows(part.len()).any(|window| window == part)
}

const SAMPLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

#[tokio::test]
async fn a_span_is_sent_as_a_child_of_the_callers() {
    let (url, received) = collector(StatusCode::OK).await;
    let traces = traces(&url);
    record(&traces, SAMPLED);
    record(&traces, "00-00000000000000000000000000000001-00f067aa0ba902b7-00");
    traces.end().await;
    let received = received.lock().unwrap();
    let [(head, message)] = &received[..] else { panic!("{} messages", received.len()) };
    assert_eq!(
        (head.uri.path(), &head.headers["content-type"]),
        ("/v1/traces", &HeaderValue::from_static("application/x-protobuf"))
    );
    for part in [
        &0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736_u128.to_be_bytes()[..],
        &0x00f0_67aa_0ba9_02b7_u64.to_be_bytes(),
        &7_u64.to_be_bytes(),
        b"stedi resize",
        b"http.response.status_code",
        b"faas.invoked_name",
        b"service.name",
    ] {
        assert!(holds(message, part), "{part:x?} in {message:?}");
    }
    assert!(!holds(message, &1_u128.to_be_bytes()), "what the caller does not keep is not sent");
    assert_eq!(traces.dropped(), 0);
}

#[tokio::test]
async fn what_the_collector_refuses_and_what_is_too_much_is_counted() {
    let (url, _) = collector(StatusCode::BAD_REQUEST).await;
    let traces = traces(&url);
    // No task runs in between, so nothing leaves the queue.
    for _ in 0..QUEUE_SPANS + 3 {
        record(&traces, SAMPLED);
    }
    assert_eq!(traces.dropped(), 3);
    traces.end().await;
    assert_eq!(traces.dropped(), u64::try_from(QUEUE_SPANS + 3).unwrap());
}

#[tokio::test]
async fn without_an_endpoint_nothing_is_sent_and_a_mistake_is_told() {
    let start = |pairs: &[(&'static str, &'static str)]| {
        Traces::start(|name| pairs.iter().find(|pair| pair.0 == name).map(|pair| pair.1.to_owned()))
    };
    assert!(matches!(start(&[]), Ok(None)));
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://me:secret@collector.example");
    let error = start(&[endpoint]).expect_err("no TLS here").to_string();
    assert_eq!(error, "OTEL_EXPORTER_OTLP_ENDPOINT is not http://; spans go to a collector over plain HTTP");
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318");
    assert!(matches!(
        start(&[endpoint, ("OTEL_TRACES_SAMPLER", "allways_on")]),
        Err(TracesError::Sampling(_))
    ));
}
