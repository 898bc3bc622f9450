//! Durable functions as processes: the Runtime API on one side, Lambda's journal on the other.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    process::ExitCode,
    thread,
};

use serde_json::{Value, json};
use stayput_runtime::{
    Error,
    durable::{App, Function, Step},
};

use crate::conversation::{as_function, converse};

const ONE: Function<i64, i64> = Function::new("one");
const GREET: Function<String, String> = Function::new("greet");

pub(crate) fn run() -> ExitCode {
    stayput_runtime::run_durable(add)
}

pub(crate) fn run_app() -> ExitCode {
    App::new().with(&ONE, add).with(&GREET, async |name: String, _: Step| Ok(format!("Hello, {name}!"))).run()
}

async fn add(number: i64, step: Step) -> Result<i64, Error> {
    if number < 0 {
        return Err(Error::new("Negative", "below zero").with_data("-"));
    }
    Ok(number + step.run("one", async || Ok(1)).await?)
}

/// A journal that takes everything and says that it is done; its address.
fn journal() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || listener.incoming().for_each(|stream| serve(stream.unwrap())));
    address
}

fn serve(stream: TcpStream) {
    let mut writer = stream.try_clone().unwrap();
    let mut reader = BufReader::new(stream);
    while let Some(length) = read_head(&mut reader) {
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let call: Value = serde_json::from_slice(&body).unwrap();
        let operations: Vec<_> = call["Updates"].as_array().unwrap().iter().map(done).collect();
        let answer =
            json!({"CheckpointToken": "T2", "NewExecutionState": {"Operations": operations}}).to_string();
        let length = answer.len();
        write!(writer, "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{answer}").unwrap();
    }
}

/// The length of the body behind it; `None` at the connection's end.
fn read_head(reader: &mut impl BufRead) -> Option<usize> {
    let mut length = None;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|bytes| *bytes > 0)?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => length = value.parse().ok(),
            Some(_) => {}
            None if line.trim_end().is_empty() => return length,
            None => {
                assert!(line.starts_with("POST /2025-12-01/durable-executions/arn%3Ax/checkpoint "), "{line}")
            }
        }
    }
}

fn done(update: &Value) -> Value {
    json!({
        "Id": update["Id"], "Type": update["Type"], "Status": "SUCCEEDED",
        "StepDetails": {"Result": update["Payload"], "Attempt": 1},
    })
}

fn event(input: &str) -> String {
    let own = json!({"Id": "e", "Type": "EXECUTION", "Status": "STARTED", "ExecutionDetails": {"InputPayload": input}});
    let state = json!({"Operations": [own], "NextMarker": ""});
    json!({"DurableExecutionArn": "arn:x", "CheckpointToken": "T1", "InitialExecutionState": state})
        .to_string()
}

#[track_caller]
fn check(function: &str, handler: &str, input: &str, kind: &str, expected: &str) {
    let journal = journal();
    let variables = [
        ("_HANDLER", handler),
        ("AWS_ENDPOINT_URL_LAMBDA", &journal),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "hush"),
        ("AWS_SESSION_TOKEN", "session"),
    ];
    let said = converse(function, &variables, &[&event(input)]).said();
    assert_eq!(said, [(kind.to_owned(), expected.to_owned())]);
}

#[test]
fn a_durable_function_writes_its_journal_and_answers() {
    check("durable", "bootstrap", "3", "response", r#"{"Status":"SUCCEEDED","Result":"4"}"#);
}

#[test]
fn a_durable_function_that_fails_has_answered() {
    let error = r#"{"ErrorMessage":"below zero","ErrorType":"Negative","ErrorData":"-"}"#;
    let expected = format!(r#"{{"Status":"FAILED","Error":{error}}}"#);
    check("durable", "bootstrap", "-1", "response", &expected);
}

#[test]
fn the_handler_says_which_of_several_it_is() {
    check(
        "durable app",
        "greet",
        r#""Ada""#,
        "response",
        r#"{"Status":"SUCCEEDED","Result":"\"Hello, Ada!\""}"#,
    );
    check("durable app", "one", "3", "response", r#"{"Status":"SUCCEEDED","Result":"4"}"#);
}

#[test]
fn what_is_missing_is_said_before_the_first_event() {
    let program = std::process::Command::new(std::env::current_exe().unwrap());
    let mut program = as_function(program, "durable app");
    program.env("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9").env("_HANDLER", "two");
    let output = program.output().unwrap();
    let log = String::from_utf8(output.stdout).unwrap();
    assert!(!output.status.success());
    let text = "_HANDLER is \"two\", which is none of this program's functions: one, greet";
    assert!(log.contains(text), "{log}");
}
