use http::{Method, StatusCode};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::testing;

fn answer<Body: Into<Bytes>>(
    handler: impl AsyncFn(Request<Bytes>, Context) -> Result<Response<Body>, Error>,
    request: Request<impl Into<Bytes>>,
) -> Result<Response<Bytes>, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(testing::http(request).call(handler))
}

/// What a handler saw of its request, on one line.
async fn seen(request: Request<Bytes>, _: Context) -> Result<Response<String>, Error> {
    let tag = request.headers().get("x-tag").map_or("", |tag| tag.to_str().unwrap());
    let ip = request.extensions().get::<SourceIp>().map_or("", |ip| &ip.0);
    Ok(Response::new(format!("{} {} {tag} {ip}", request.method(), request.uri())))
}

#[track_caller]
fn check_seen(method: Method, uri: &str, expected: &str) {
    let request = Request::builder().method(method).uri(uri).header("x-tag", "a b").body("").unwrap();
    assert_eq!(answer(seen, request).unwrap().body(), expected, "what is seen of {uri}");
}

#[test]
fn method_path_query_headers_and_address_arrive_as_sent() {
    check_seen(Method::GET, "/", "GET / a b 192.0.2.1");
    check_seen(Method::DELETE, "/a%20b/%2E/c?x=%C3%BC&x=1", "DELETE /a%20b/%2E/c?x=%C3%BC&x=1 a b 192.0.2.1");
    check_seen(Method::from_bytes(b"PURGE").unwrap(), "/?", "PURGE / a b 192.0.2.1");
}

async fn echo(request: Request<Bytes>, _: Context) -> Result<Response<Bytes>, Error> {
    Ok(Response::new(request.into_body()))
}

proptest! {
    #[test]
    fn every_body_comes_back(body: Vec<u8>) {
        let response = answer(echo, Request::post("/").body(body.clone()).unwrap()).unwrap();
        prop_assert_eq!(response.body(), &body);
    }
}

#[test]
fn status_and_repeated_headers_reach_the_caller() {
    let handler = async |_: Request<Bytes>, _: Context| {
        let response = Response::builder().status(201).header("x-tag", "1");
        Ok(response.header("set-cookie", "a=1").header("set-cookie", "b=2").body("made")?)
    };
    let response = answer(handler, Request::put("/thing").body("").unwrap()).unwrap();
    assert_eq!(
        (response.status(), &response.headers()["x-tag"]),
        (StatusCode::CREATED, &"1".parse().unwrap())
    );
    assert_eq!(response.headers().get_all("set-cookie").iter().collect::<Vec<_>>(), ["a=1", "b=2"]);
    assert_eq!(response.body(), "made");
}

#[test]
fn an_error_is_a_fault_and_no_answer() {
    let handler = async |_: Request<Bytes>, _: Context| -> Result<Response<String>, Error> {
        Err(Error::new("DepotClosed", "come back tomorrow"))
    };
    let fault = answer(handler, Request::get("/").body("").unwrap()).unwrap_err();
    assert_eq!(fault, Error::new("DepotClosed", "come back tomorrow"));
}

#[test]
fn a_status_that_is_no_final_one_is_a_fault() {
    for status in [100, 199, 600, 999] {
        let handler =
            async |_: Request<Bytes>, _: Context| Ok(Response::builder().status(status).body("")?);
        let fault = answer(handler, Request::get("/").body("").unwrap()).unwrap_err();
        let message = format!("status {status} is not one of 200 to 599");
        assert_eq!(fault, Error::new(Error::INVALID_ANSWER, message));
    }
}

#[test]
fn an_event_that_is_no_http_request_is_a_fault() {
    let events: [Value; 4] = [json!({}), json!(null), json!("text"), json!({"version": "1.0"})];
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for event in events {
        let text = serde_json::value::to_raw_value(&event).unwrap();
        let fault = runtime.block_on(call(echo, &text, testing::context())).unwrap_err();
        assert_eq!(fault.error_type(), Error::INVALID_EVENT, "fault of {event}");
    }
}
