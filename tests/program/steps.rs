//! Durable functions through the gateway: the samples answer as their page says, and callbacks come at their ends.

use std::time::Duration;

use http::{Request, StatusCode};

use super::{
    calls::once,
    running::{Running, eventually, folder},
    sink::Sink,
};

#[test]
fn the_samples_answer_as_their_page_says() {
    let running = Running::steps(folder());
    for (function, event, status, answer) in [
        ("main-function", "{}", 200, r#""Square of 4 is 16.""#),
        ("compute-square", r#"{"number":12}"#, 200, r#"{"result":144}"#),
        ("fan-out", r#"{"a":3,"b":4}"#, 200, "25"),
        ("map-reduce", r#"{"numbers":[1,2,3,4]}"#, 200, r#"{"count":4,"sum":30}"#),
        ("impatient", r#"{"nap":"1h"}"#, 200, r#""still asleep""#),
        ("pay", r#"{"card":"0000","cents":700}"#, 200, r#"{"Invoice":{"why":"the card 0000 was declined"}}"#),
        ("book-trip", r#"{"to":"Rome"}"#, 200, r#"{"flight":"flight to Rome","hotel":"hotel to Rome"}"#),
        ("book-trip", r#"{"to":"Atlantis"}"#, 500, "there is no hotel in Atlantis"),
    ] {
        let call = Request::post(format!("{}/function/{function}", running.shown.gateway));
        let answered = once(&call.body(event.to_owned()).expect("a request"));
        let body = String::from_utf8_lossy(&answered.body);
        assert_eq!((answered.status.as_u16(), &*body), (status, answer), "{function} {event}");
    }
}

#[test]
fn the_end_of_an_execution_is_told_to_who_asked_for_it_whatever_ends_meanwhile() {
    let running = Running::steps(folder());
    let sink = Sink::start(|_, _| false);
    let call = |running: &Running, function: &str, event: &str| {
        let call = Request::post(format!("{}/async-function/{function}", running.shown.gateway))
            .header("x-callback-url", format!("http://{}/{function}", sink.address))
            .header("x-call-id", format!("call-of-{function}"));
        let answer = once(&call.body(event.to_owned()).expect("a request"));
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{function}: {answer:?}");
    };
    call(&running, "slow", r#"{"nap":"2s"}"#);
    call(&running, "book-trip", r#"{"to":"Atlantis"}"#);
    eventually(PATIENCE, "the failure is told", || !sink.arrived().is_empty());
    // Killed while `slow` sleeps.
    let running = Running::steps(running.kept());
    // The other may be told twice, if the word that it was taken was cut off.
    eventually(PATIENCE, "both are told", || sink.arrived().iter().any(|told| told.path == "/slow"));
    let arrived = sink.arrived();
    let of = |path: &str| arrived.iter().find(|told| told.path == path).expect("it arrived");
    for (path, status, body) in
        [("/slow", "200", r#""well rested""#), ("/book-trip", "500", "there is no hotel in Atlantis")]
    {
        let told = of(path);
        assert_eq!(told.headers["x-function-status"], status, "{told:?}");
        assert_eq!(told.headers["x-call-id"], format!("call-of-{}", &path[1..]));
        assert!(told.body.contains(body), "{told:?}");
        assert!(told.headers["webhook-signature"].starts_with("v1,"), "{told:?}");
    }
    drop(running);
}

/// Only waited for when something is wrong.
const PATIENCE: Duration = Duration::from_secs(60);
