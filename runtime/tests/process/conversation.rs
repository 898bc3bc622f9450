//! A function's process, from its start to the last invocation that there is for it.

use std::{env, process::Stdio, rc::Rc};

use tokio::{net::TcpListener, process::Command};

use crate::{
    FUNCTION,
    runtime_api::{RuntimeApi, Told},
};

pub(crate) struct Conversation {
    /// One for each event.
    pub(crate) told: Vec<Told>,
    /// The process's standard output.
    pub(crate) log: String,
}

impl Conversation {
    /// Where each answer was posted, `response` or `error`, and its body.
    pub(crate) fn said(&self) -> Vec<(String, String)> {
        self.told.iter().map(|told| (told.kind.clone(), told.pieces.concat())).collect()
    }
}

/// Starts the function, gives it `events` one after another, and ends it when it asks for more.
#[track_caller]
pub(crate) fn converse(function: &str, variables: &[(&str, &str)], events: &[&str]) -> Conversation {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let conversing = tokio::task::LocalSet::new();
    let conversation = conversing.block_on(&runtime, async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let api = Rc::new(RuntimeApi::new(events));
        let serving = tokio::task::spawn_local(Rc::clone(&api).serve(listener));
        let program = std::process::Command::new(env::current_exe().unwrap());
        let mut program = Command::from(as_function(program, function));
        program.env("AWS_LAMBDA_RUNTIME_API", address).envs(variables.iter().copied());
        let mut process = program.stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        tokio::select! {
            () = api.finished() => process.start_kill().unwrap(),
            status = process.wait() => panic!("the function ended by itself: {status:?}"),
        }
        let log = process.wait_with_output().await.unwrap().stdout;
        serving.abort();
        Conversation { told: api.told(), log: String::from_utf8(log).unwrap() }
    });
    assert_eq!(conversation.told.len(), events.len(), "one answer to each event");
    conversation
}

pub(crate) fn as_function(mut program: std::process::Command, function: &str) -> std::process::Command {
    program.args(["--exact", "function", "--nocapture"]).env_remove("RUST_LOG").envs([
        (FUNCTION, function),
        ("AWS_LAMBDA_FUNCTION_NAME", "stock"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
    ]);
    program
}
