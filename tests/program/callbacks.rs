//! However an asynchronous call ends, its caller is told.

use std::{fs, os::unix::fs::PermissionsExt as _, time::Duration};

use http::{Request, StatusCode};

use super::{
    calls::once,
    running::{KEY, Running, eventually, folder},
    sink::Sink,
};

#[test]
fn every_end_is_told_with_its_status_and_the_callers_id() {
    let running = running(None);
    assert!(running.stderr().contains("loopback = false forbids it"), "{}", running.stderr());
    let sink = Sink::start(|_, _| false);
    // What the function is told to do, the status of its end, and what of the body is told.
    let ends = [
        ("ends", "answer", "200", "answered"),
        ("ends", "teapot", "418", "short and stout"),
        ("ends", "fail", "500", ""),
        ("ends", "crash", "500", ""),
        ("ends", "sleep", "504", ""),
        ("ends", "nonsense", "502", ""),
        ("never", "answer", "503", ""),
    ];
    for (function, deed, ..) in ends {
        let call = Request::post(format!("{}/async-function/{function}", running.shown.gateway))
            .header("x-callback-url", format!("http://{}/{function}/{deed}", sink.address))
            .header("x-call-id", format!("{function}-{deed}"))
            .body(deed.to_owned())
            .expect("a request");
        assert_eq!(once(&call).status, StatusCode::ACCEPTED, "{deed}");
    }
    eventually(PATIENCE, "all are told", || sink.arrived().len() >= ends.len());
    for (function, deed, status, body) in ends {
        let arrived = sink.arrived();
        let told =
            arrived.iter().find(|told| told.path == format!("/{function}/{deed}")).expect("it arrived");
        assert_eq!(told.headers["x-function-status"], status, "{deed}: {told:?}");
        assert_eq!(told.headers["x-call-id"], format!("{function}-{deed}"), "{deed}");
        assert!(told.body.contains(body), "{deed}: {told:?}");
        assert!(told.headers["webhook-signature"].starts_with("v1,"), "{deed}");
    }
}

#[test]
fn what_the_operator_says_of_callbacks_holds() {
    let running = running(Some(CONFIGURATION));
    assert!(!running.stderr().contains("loopback = false forbids it"), "{}", running.stderr());
    let sink = Sink::start(|_, _| false);
    let path = "eywa/api/functions/async/0e000000-0000-5000-8000-000000000001/";
    let call = |url: String, body: String| {
        let call = Request::post(format!("{}/{path}", running.shown.gateway))
            .header("x-eywa-token", KEY)
            .header("x-callback-url", url);
        once(&call.body(body).expect("a request")).status
    };
    let receiver = sink.address;
    for url in ["http://127.0.0.2:8000/", "http://localhost:8000/", "https://other.example/"] {
        assert_eq!(call(url.to_owned(), "teapot".to_owned()), StatusCode::BAD_REQUEST, "{url}");
    }
    assert_eq!(call(format!("http://{receiver}/"), "a".repeat(5_000)), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(call(format!("http://{receiver}/"), "teapot".to_owned()), StatusCode::ACCEPTED);
    eventually(PATIENCE, "an answer of 418 is told, too", || sink.arrived().len() == 1);
    assert_eq!(sink.arrived()[0].headers["x-function-status"], "418");
}

#[test]
fn what_openfaas_alone_has_a_name_for_is_not_run_again() {
    let rows = "[[function]]\nlambda = \"retried\"\nopenfaas = \"alone\"\n";
    let running = running(Some(rows));
    let sink = Sink::start(|_, _| false);
    let call = Request::post(format!("{}/async-function/alone", running.shown.gateway))
        .header("authorization", format!("Bearer {KEY}"))
        .header("x-callback-url", format!("http://{}/", sink.address))
        .body("fail".to_owned());
    assert_eq!(once(&call.expect("a request")).status, StatusCode::ACCEPTED);
    // Lambda's retries would take three minutes.
    eventually(PATIENCE, "its end is told", || sink.arrived().len() == 1);
    assert_eq!(sink.arrived()[0].headers["x-function-status"], "500");
}

/// With the functions of the template.
fn running(configuration: Option<&str>) -> Running {
    let place = folder();
    let bootstrap = place.path().join("bootstrap");
    fs::write(&bootstrap, include_bytes!("callbacks/bootstrap")).expect("a file");
    fs::set_permissions(&bootstrap, fs::Permissions::from_mode(0o755)).expect("it is ours");
    if let Some(text) = configuration {
        fs::write(place.path().join("stayput.toml"), text).expect("a file");
    }
    Running::with(place, TEMPLATE, &["--no-watch"])
}

const CONFIGURATION: &str = "\
[callback]
allow_hosts = [\"hooks.example.com\"]
allow_addresses = [\"127.0.0.1\"]
loopback = false
event_bytes = \"4 KiB\"
eywa = \"always\"
[[function]]
lambda = \"ends\"
eywa = \"0e000000-0000-5000-8000-000000000001\"
";

/// Only waited for when something is wrong.
const PATIENCE: Duration = Duration::from_secs(60);

const TEMPLATE: &str = "\
Transform: AWS::Serverless-2016-10-31
Globals:
  Function: {Runtime: provided.al2023, Handler: bootstrap, CodeUri: ., Timeout: 1}
Resources:
  Ends:
    Type: AWS::Serverless::Function
    Properties: {FunctionName: ends, EventInvokeConfig: {MaximumRetryAttempts: 0}}
  Retried:
    Type: AWS::Serverless::Function
    Properties: {FunctionName: retried}
  Never:
    Type: AWS::Serverless::Function
    Properties: {FunctionName: never, ReservedConcurrentExecutions: 0}
";
