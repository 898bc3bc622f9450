//! What the HTTP event and the HTTP answer cost: `cargo bench -p lambda-protocol --bench envelope`.

use std::time::UNIX_EPOCH;

use bytes::Bytes;
use divan::{Bencher, black_box, counter::BytesCount};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version};
use lambda_protocol::{
    http_answer::HttpAnswer,
    http_event::{HttpEvent, HttpRequest},
};

fn main() {
    divan::main();
}

/// Bytes of a body.
const SIZES: [usize; 3] = [100, 10_000, 1 << 20];

fn text(bytes: usize) -> Bytes {
    br#"{"line":"one","more":12}, "#.iter().copied().cycle().take(bytes).collect()
}

/// No UTF-8 anywhere, as images are.
fn binary(bytes: usize) -> Bytes {
    vec![0xff; bytes].into()
}

fn headers() -> HeaderMap {
    [
        ("host", "gateway.example.com"),
        ("user-agent", "curl/8.5.0"),
        ("accept", "*/*"),
        ("content-type", "application/json"),
        ("x-request-id", "0198c0de-0000-7000-8000-000000000001"),
    ]
    .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
    .into_iter()
    .collect()
}

fn event(headers: &HeaderMap, body: &[u8]) -> Vec<u8> {
    let event = HttpEvent {
        method: &Method::POST,
        version: Version::HTTP_11,
        raw_path: "/stock/market/today",
        raw_query: "company=Google&days=7",
        headers,
        source_ip: "192.0.2.1",
        request_id: "0198c0de-0000-7000-8000-000000000001",
        time: UNIX_EPOCH,
        ticket: None,
    };
    event.encode(body)
}

fn answer(body: Bytes) -> HttpAnswer {
    HttpAnswer { status: StatusCode::OK, headers: headers(), body }
}

#[divan::bench(args = SIZES)]
fn encode_event_of_text(bencher: Bencher<'_, '_>, bytes: usize) {
    let (headers, body) = (headers(), text(bytes));
    bencher.counter(BytesCount::new(bytes)).bench_local(|| event(&headers, black_box(&body)));
}

#[divan::bench(args = SIZES)]
fn encode_event_of_bytes(bencher: Bencher<'_, '_>, bytes: usize) {
    let (headers, body) = (headers(), binary(bytes));
    bencher.counter(BytesCount::new(bytes)).bench_local(|| event(&headers, black_box(&body)));
}

#[divan::bench(args = SIZES)]
fn decode_event(bencher: Bencher<'_, '_>, bytes: usize) {
    let event = event(&headers(), &text(bytes));
    let decode = || HttpRequest::decode(black_box(&event)).expect("ours");
    bencher.counter(BytesCount::new(bytes)).bench_local(decode);
}

#[divan::bench(args = SIZES)]
fn encode_answer(bencher: Bencher<'_, '_>, bytes: usize) {
    let answer = answer(text(bytes));
    bencher.counter(BytesCount::new(bytes)).bench_local(|| black_box(&answer).encode());
}

#[divan::bench(args = SIZES)]
fn decode_answer_of_text(bencher: Bencher<'_, '_>, bytes: usize) {
    let payload = Bytes::from(answer(text(bytes)).encode());
    let decode = || HttpAnswer::decode(black_box(&payload)).expect("ours");
    bencher.counter(BytesCount::new(bytes)).bench_local(decode);
}

#[divan::bench(args = SIZES)]
fn decode_answer_of_bytes(bencher: Bencher<'_, '_>, bytes: usize) {
    let payload = Bytes::from(answer(binary(bytes)).encode());
    let decode = || HttpAnswer::decode(black_box(&payload)).expect("ours");
    bencher.counter(BytesCount::new(bytes)).bench_local(decode);
}
