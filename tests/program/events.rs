//! Asynchronous calls, seen and steered from the command line while `stayput dev` runs.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    process::{Command, Output, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use http::{Request, StatusCode};
use serde_json::Value;

use super::{
    calls::{Answer, once},
    running::{KEY, Running, eventually, folder},
};

#[test]
fn a_call_that_is_retried_is_seen_and_taken_back() {
    let running = running("1000");
    let id = accept(&running, FAILING, "http://127.0.0.1:8999/secret?token=1");
    let list = || events(&running, &["list", "--function", "misbehave"]);
    eventually(PATIENCE, "its first run has failed", || list()[0]["state"] == "retrying");
    let listed = list();
    let [event] = &listed.as_array().expect("a list")[..] else { panic!("{listed}") };
    assert_eq!((&event["id"], &event["attempts"]), (&Value::from(&*id), &Value::from(1)), "{event}");
    assert_eq!(event["callback"]["host"], "127.0.0.1");
    assert!(event["next_try"].is_string() && event["last_error"].is_string(), "{event}");
    assert!(!listed.to_string().contains("secret"), "{listed}");
    assert_eq!(events(&running, &["list", "--state", "dead"]), Value::Array(Vec::new()));

    let figures = metrics(&running);
    for figure in [
        r#"stayput_events{queue="lambda.events",state="waiting"} 1"#,
        r#"stayput_events{queue="stayput-callbacks",state="dead"} 0"#,
        r#"stayput_events_oldest_seconds{queue="lambda.events"} 0"#,
        r#"stayput_event_steps_total{step="attempt"} 1"#,
        "stayput_callback_hosts_spared 0",
    ] {
        assert!(figures.contains(figure), "{figure} is not in\n{figures}");
    }

    let shown = stayput(&running, &["events", "show", &id]);
    assert!(text_of(&shown).contains("retrying"), "{shown:?}");
    let redriven = stayput(&running, &["events", "redrive", &id]);
    assert_eq!(redriven.status.code(), Some(2), "it is not dead: {redriven:?}");
    assert_eq!(events(&running, &["cancel", &id])["done"], Value::from(vec![&*id]));
    assert_eq!(list(), Value::Array(Vec::new()));
    for words in [["events", "show", &id], ["events", "cancel", &id]] {
        assert_eq!(stayput(&running, &words).status.code(), Some(1), "it is gone");
    }
}

#[test]
fn a_dead_callback_is_sent_again_when_somebody_says_so() {
    let running = running("0.001");
    let sink = Sink::start();
    let id = accept(&running, FAILING, &format!("{}/secret", sink.url));
    assert!(!sink.receive_whole(410).is_redriven);
    let dead = || events(&running, &["list", "--state", "dead", "--host", "127.0.0.1"]);
    eventually(PATIENCE, "its callback is dead", || dead()[0]["state"] == "dead");
    let listed = dead();
    assert_eq!(
        (&listed[0]["request_id"], &listed[0]["is_callback"]),
        (&Value::from(&*id), &Value::from(true))
    );
    assert!(!listed.to_string().contains("secret"), "{listed}");

    let unsure = stayput(&running, &["events", "redrive", "--host", "127.0.0.1"]);
    assert_eq!(unsure.status.code(), Some(2), "nobody said yes: {unsure:?}");
    let redriven = events(&running, &["redrive", "--host", "127.0.0.1", "--yes"]);
    assert_eq!(redriven["done"].as_array().map(Vec::len), Some(1), "{redriven}");
    let again = sink.receive_whole(200);
    assert!(again.id == id && again.is_redriven, "{again:?}");
    eventually(PATIENCE, "nothing is left of it", || events(&running, &["list"]) == Value::Array(Vec::new()));
}

#[test]
fn the_dead_are_purged_and_a_page_of_another_origin_orders_nothing() {
    let running = running("0.001");
    let sink = Sink::start();
    accept(&running, "{}", &sink.url);
    sink.receive(404);
    eventually(PATIENCE, "its callback is dead", || events(&running, &["list"])[0]["state"] == "dead");
    let purge = format!("{}/events/purge?confirm=true", running.shown.admin);
    let foreign = once(&Request::post(purge).body(String::new()).expect("a request"));
    assert_eq!(foreign.status, StatusCode::FORBIDDEN);
    let purged = events(&running, &["purge", "--yes"]);
    assert_eq!(purged["done"].as_array().map(Vec::len), Some(1), "{purged}");
    assert_eq!(events(&running, &["list"]), Value::Array(Vec::new()));
}

#[test]
fn a_call_is_told_from_its_request_to_its_callback_by_whatever_id_its_caller_knows() {
    let running = running("0.001");
    let sink = Sink::start();
    let own = "order:7.a_b";
    let headers = [("x-call-id", own), ("x-callback-url", &format!("{}/secret", sink.url))];
    let answer = call(&running, "async-function", FAILING, &headers);
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
    let id = sink.receive(200);
    let whole = || {
        let calls = logs(&running, &id);
        let whats: Vec<_> = entries(&calls[0]).into_iter().map(|(what, _)| what).collect();
        whats.last().is_some_and(|what| what == "delivered").then_some(calls)
    };
    eventually(PATIENCE, "it is delivered", || whole().is_some());
    let calls = logs(&running, &id);
    let told = entries(&calls[0]);
    let steps = [
        "received",
        "queued",
        "attempt",
        "failed",
        "attempt",
        "failed",
        "attempt",
        "outcome",
        "callback",
        "delivered",
    ];
    let seen: Vec<_> =
        told.iter().map(|(what, _)| &**what).filter(|what| !["log", "answered"].contains(what)).collect();
    assert_eq!(seen, steps, "{told:?}");
    let says = |what: &str, text: &str| told.iter().any(|entry| entry.0 == what && entry.1.contains(text));
    assert!(says("received", "openfaas async misbehave") && says("answered", "202"), "{told:?}");
    assert!(says("log", &format!("START RequestId: {id}")) && says("failed", "E: no"), "{told:?}");
    assert!(
        says("outcome", "RetriesExhausted") && says("callback", "attempt 1") && says("callback", "200"),
        "{told:?}"
    );
    let text = calls.to_string();
    assert!(!text.contains("secret") && !text.contains(KEY), "{text}");

    let by_own = logs(&running, own);
    assert_eq!(by_own[0]["request_id"], Value::from(&*id), "{by_own}");
    let shown = stayput(&running, &["logs", own]);
    assert!(text_of(&shown).contains("RetriesExhausted"), "{shown:?}");
}

#[test]
fn a_synchronous_call_is_told_with_the_functions_log() {
    let running = running("1");
    let answer = call(&running, "function", r#"{"do":"print","text":"hello there\n"}"#, &[]);
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    let id = answer.headers["x-call-id"].to_str().expect("an id");
    let calls = logs(&running, id);
    let told = entries(&calls[0]);
    assert!(told.contains(&("log".to_owned(), "hello there".to_owned())), "{told:?}");
    assert_eq!(told.first().map(|(what, _)| &**what), Some("received"), "{told:?}");
    let unknown = stayput(&running, &["logs", "01a211ef-7e03-772b-a00b-8911d52645cd"]);
    assert_eq!(unknown.status.code(), Some(1), "{unknown:?}");
}

fn running(wait_scale: &str) -> Running {
    let folder = folder();
    let config = format!("[lambda]\nwait_scale = \"{wait_scale}\"\n");
    fs::write(folder.path().join("stayput.toml"), config).expect("a configuration");
    Running::misbehaving_in(folder, &[])
}

/// Makes an asynchronous call; our id of it.
fn accept(running: &Running, body: &str, callback: &str) -> String {
    let answer = call(running, "async-function", body, &[("x-callback-url", callback)]);
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
    answer.headers["x-call-id"].to_str().expect("an id").to_owned()
}

fn call(running: &Running, route: &str, body: &str, headers: &[(&str, &str)]) -> Answer {
    let request = Request::post(format!("{}/{route}/misbehave", running.shown.gateway));
    let request = request.header("authorization", format!("Bearer {KEY}"));
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    once(&request.body(body.to_owned()).expect("a request"))
}

fn metrics(running: &Running) -> String {
    let request = Request::get(format!("{}/metrics", running.shown.admin));
    let answer = once(&request.body(String::new()).expect("a request"));
    String::from_utf8_lossy(&answer.body).into_owned()
}

/// The calls that go by this id.
fn logs(running: &Running, id: &str) -> Value {
    let output = stayput(running, &["--json", "logs", id]);
    assert!(output.status.success(), "{id}: {output:?}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// What happened, and what is told of it.
fn entries(call: &Value) -> Vec<(String, String)> {
    let word = |value: &Value| value.as_str().expect("text").to_owned();
    let entries = call["timeline"].as_array().expect("a timeline").iter();
    entries.map(|entry| (word(&entry["what"]), word(&entry["text"]))).collect()
}

fn events(running: &Running, words: &[&str]) -> Value {
    let output = stayput(running, &[&["--json", "events"], words].concat());
    assert!(output.status.success(), "{words:?}: {output:?}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn stayput(running: &Running, words: &[&str]) -> Output {
    let admin = ["--admin", &running.shown.admin];
    let mut stayput = Command::new(env!("CARGO_BIN_EXE_stayput"));
    stayput.args(words).args(admin).stdin(Stdio::null()).output().expect("it runs")
}

fn text_of(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A receiver of callbacks that answers what it is told to.
struct Sink {
    url: String,
    answers: mpsc::Sender<u16>,
    received: mpsc::Receiver<Callback>,
}

impl Sink {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let ((answers, to_give), (taken, received)) = (mpsc::channel(), mpsc::channel());
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let Ok(status) = to_give.recv() else { return };
                taken.send(serve(stream, status)).expect("the test waits for it");
            }
        });
        Self { url, answers, received }
    }

    /// Answers the next callback, and tells its id.
    fn receive(&self, status: u16) -> String {
        self.receive_whole(status).id
    }

    fn receive_whole(&self, status: u16) -> Callback {
        self.answers.send(status).expect("it serves");
        self.received.recv_timeout(PATIENCE).expect("a callback")
    }
}

/// What the tests look at.
#[derive(Debug, Default)]
struct Callback {
    id: String,
    is_redriven: bool,
}

fn serve(stream: TcpStream, status: u16) -> Callback {
    let mut reader = BufReader::new(stream);
    let (mut callback, mut length) = (Callback::default(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a head");
        match line.trim_end().split_once(": ") {
            Some(("webhook-id", value)) => value.clone_into(&mut callback.id),
            Some(("x-redrive", value)) => callback.is_redriven = value == "1",
            Some(("content-length", value)) => length = value.parse().expect("a length"),
            Some(_) => {}
            None if line.trim_end().is_empty() => break,
            None => {}
        }
    }
    reader.read_exact(&mut vec![0; length]).expect("a body");
    let answer = format!("HTTP/1.1 {status} x\r\ncontent-length: 0\r\n\r\n");
    reader.into_inner().write_all(answer.as_bytes()).expect("it listens");
    callback
}

const FAILING: &str = r#"{"do":"fail","error":{"errorType":"E","errorMessage":"no"}}"#;

const PATIENCE: Duration = Duration::from_secs(60);
