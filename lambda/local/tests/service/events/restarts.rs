//! What was accepted runs, whatever happens to the service.

use std::{
    collections::BTreeSet,
    env,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, Command, Stdio},
};

use http::Method;
use lambda_local::Settings;
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt, net::TcpListener};

use super::{Events, config, open, scaled, told};
use crate::running::{Running, see_end};

#[tokio::test]
async fn events_that_wait_run_after_a_restart() {
    let asleep = Settings { account_concurrency: 0, ..Settings::default() };
    let local = Events::start(asleep, vec![told("f")]).await;
    let mut sent = BTreeSet::new();
    for n in 0..10 {
        sent.insert(local.send("f", &n.to_string()).await);
    }
    let local = local.restart(Settings::default(), vec![told("f")]).await;
    let mut told = BTreeSet::new();
    while told.len() < sent.len() {
        let record = local.record("good").await;
        told.insert(record["requestContext"]["requestId"].as_str().unwrap().to_owned());
    }
    assert_eq!(told, sent);
    local.stop().await;
}

#[tokio::test]
async fn an_event_that_runs_when_the_service_ends_runs_again_and_has_lost_no_attempt() {
    let mut once = told("f");
    config(&mut once).maximum_retry_attempts = Some(0);
    let local = Events::with(once.clone()).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let id = local.send("f", &meet(&listener)).await;
    let (mut met, _) = listener.accept().await.unwrap();
    let folder = local.stop().await;
    see_end(&mut met).await;
    let local = Events::start_in(folder, Settings::default(), vec![once]).await;
    let (mut met, _) = listener.accept().await.unwrap();
    met.write_all(b"g").await.unwrap();
    let record = local.record("good").await;
    assert_eq!(record["requestContext"]["requestId"], *id);
    assert_eq!(record["requestContext"]["approximateInvokeCount"], 1);
    local.stop().await;
}

#[tokio::test]
async fn a_service_that_has_much_to_do_ends_at_once_and_goes_on_at_the_next_start() {
    let local = Events::with(told("f")).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let meet = meet(&listener);
    let mut waiting = BTreeSet::new();
    for _ in 0..MANY {
        waiting.insert(local.send("f", &meet).await);
    }
    let met = listener.accept().await.unwrap();
    let folder = local.stop().await;
    drop((met, listener));
    let asleep = Settings { account_concurrency: 0, ..Settings::default() };
    let local = Events::start_in(folder, asleep, vec![told("f")]).await;
    let there: BTreeSet<_> = local.list().await.into_iter().map(|event| event.id).collect();
    assert_eq!(there, waiting);
    local.stop().await;
}

#[tokio::test]
async fn what_calls_have_configured_outlives_the_service_until_the_template_says_something_else() {
    let path = "/2019-09-25/functions/f/event-invoke-config";
    let looped = "/2024-08-31/functions/f/recursion-config";
    let local = Events::with(told("f")).await;
    local.ask("PUT", path, r#"{"MaximumRetryAttempts":1}"#).await;
    local.ask("PUT", looped, r#"{"RecursiveLoop":"Allow"}"#).await;
    let before = local.ask("GET", path, "").await.into_body();
    let local = local.restart(Settings::default(), vec![told("f")]).await;
    assert_eq!(local.ask("GET", path, "").await.into_body(), before);
    assert_eq!(local.ask("GET", looped, "").await.into_body(), r#"{"RecursiveLoop":"Allow"}"#);
    local.ask(Method::DELETE.as_str(), path, "").await;
    let local = local.restart(Settings::default(), vec![told("f")]).await;
    assert_eq!(local.ask("GET", path, "").await.status(), 404);
    let mut changed = told("f");
    config(&mut changed).maximum_event_age_s = Some(60);
    let local = local.restart(Settings::default(), vec![changed]).await;
    let body = local.ask("GET", path, "").await.into_body();
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["MaximumEventAgeInSeconds"], 60);
    local.stop().await;
}

#[tokio::test]
async fn what_was_accepted_survives_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = killable(folder.path(), r#"{"do":"count"}"#);
    let accepted = accepted_until(&mut child, 25);
    let local = Events::start_in(folder, Settings::default(), vec![told("f")]).await;
    let mut missing: BTreeSet<_> = accepted.into_iter().collect();
    while !missing.is_empty() {
        missing.remove(local.record("good").await["requestContext"]["requestId"].as_str().unwrap());
    }
    local.stop().await;
}

#[tokio::test]
async fn an_event_that_runs_when_the_service_is_killed_runs_again() {
    let folder = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut child = killable(folder.path(), &meet(&listener));
    let (mut met, _) = listener.accept().await.unwrap();
    // The first that was accepted, and others; all of them meet.
    let accepted = tokio::task::spawn_blocking(move || accepted_until(&mut child, 1)).await.unwrap();
    see_end(&mut met).await;
    let local = Events::start_in(folder, Settings::default(), vec![told("f")]).await;
    let meetings = async {
        // Connections of those that were killed with the service may still be in the listener's queue.
        while let Ok((mut met, _)) = listener.accept().await {
            let _ = met.write_all(b"g").await;
        }
    };
    let records = async {
        let mut missing: BTreeSet<_> = accepted.into_iter().collect();
        while !missing.is_empty() {
            missing.remove(local.record("good").await["requestContext"]["requestId"].as_str().unwrap());
        }
    };
    tokio::select! {
        () = meetings => unreachable!("it goes on listening"),
        () = records => {}
    }
    local.stop().await;
}

fn meet(listener: &TcpListener) -> String {
    json!({"do": "meet", "port": listener.local_addr().unwrap().port()}).to_string()
}

/// A process of this program that sends `event` again and again, and says each id that was accepted.
fn killable(folder: &Path, event: &str) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["events::restarts::the_process_that_is_killed", "--exact", "--nocapture"])
        .env(FOLDER, folder)
        .env(EVENT, event)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Kills it when it has said so many, and returns all that it said.
fn accepted_until(child: &mut Child, enough: usize) -> Vec<String> {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut accepted = Vec::new();
    for line in lines {
        let line = line.unwrap();
        let Some((_, id)) = line.split_once(SAYS) else { continue };
        accepted.push(id.to_owned());
        if accepted.len() == enough {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    accepted
}

/// No test by itself: the tests above start it, and it sends until it is killed.
#[tokio::test]
async fn the_process_that_is_killed() {
    let (Some(folder), Ok(event)) = (env::var_os(FOLDER), env::var(EVENT)) else { return };
    let settings = Settings { events: Some(open(Path::new(&folder))), ..scaled(Settings::default()) };
    let running = Running::start(settings, vec![told("f")]).await;
    let headers = [("x-amz-invocation-type", "Event")];
    loop {
        let answer = running.call("/2015-03-31/functions/f/invocations", &headers, &event).await;
        let id = crate::running::header(&answer, "x-amzn-requestid").unwrap();
        assert_eq!(answer.status(), 202);
        // One write, so that a kill cuts no line in two.
        std::io::stdout().lock().write_all(format!("{SAYS}{id}\n").as_bytes()).unwrap();
    }
}

/// Events that nobody comes to run.
const MANY: usize = 30;

const FOLDER: &str = "LAMBDA_LOCAL_TEST_FOLDER";
const EVENT: &str = "LAMBDA_LOCAL_TEST_EVENT";
const SAYS: &str = "accepted ";
