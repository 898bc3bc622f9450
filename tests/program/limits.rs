//! What functions may do to the embedded Lambda and the gateway, which is nothing.

use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

use http::{Request, StatusCode};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::{
    calls::{at_once, once},
    running::{KEY, Running, eventually},
};

#[test]
fn a_function_killed_in_the_middle_of_a_call_is_told_at_once() {
    let _alone = alone();
    let running = Running::misbehaving();
    let answered = Mutex::new(None);
    let killed = std::thread::scope(|scope| {
        scope.spawn(|| {
            let answer = once(&invoke(&running, "misbehave", r#"{"do":"sleep","ms":50000}"#));
            *answered.lock().unwrap() = Some((answer, Instant::now()));
        });
        eventually(Duration::from_secs(20), "the function runs", || !running.functions().is_empty());
        // Not before it has taken the call, or the start would be what failed.
        eventually(Duration::from_secs(20), "the call has begun", || {
            running.stderr().contains("START RequestId")
        });
        kill(Pid::from_raw(running.functions()[0]), Signal::SIGKILL).expect("it runs");
        Instant::now()
    });
    let (answer, at) = answered.into_inner().unwrap().expect("an answer");
    let body = String::from_utf8_lossy(&answer.body).into_owned();
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.headers["x-amz-function-error"], "Unhandled");
    assert!(body.contains(r#""errorType":"Runtime.ExitError""#), "{body}");
    assert!(body.contains("Error: Runtime exited with error: signal: killed"), "{body}");
    assert!(at - killed < Duration::from_millis(100), "told after {:?}", at - killed);
}

#[test]
fn a_gibibyte_of_output_costs_no_memory_and_ends_in_the_tail() {
    let _alone = alone();
    let running = Running::misbehaving();
    once(&invoke(&running, "misbehave", r#"{"do":"count"}"#));
    let before = running.peak_memory_kib();
    let mut call = invoke(&running, "misbehave", r#"{"do":"flood","bytes":1073741824,"line":1024}"#);
    call.headers_mut().insert("x-amz-log-type", "Tail".parse().unwrap());
    let answer = once(&call);
    assert_eq!(answer.status, StatusCode::OK);
    let grown = running.peak_memory_kib() - before;
    assert!(grown <= 16 * 1024, "{grown} KiB more");
    let tail = base64_simd::STANDARD.decode_to_vec(answer.headers["x-amz-log-result"].as_bytes()).unwrap();
    let text = String::from_utf8(tail).unwrap();
    assert_eq!(text.len(), 4096);
    let last = format!("{:01023}\nEND RequestId: ", 1_073_741_824 / 1024 - 1);
    assert!(text.contains(&last), "the last line stands before END: {text}");
}

#[test]
fn two_hundred_children_in_their_own_sessions_end_with_their_environment() {
    let _alone = alone();
    let running = Running::misbehaving();
    let answer = once(&invoke(&running, "hasty", r#"{"do":"spawn","count":200}"#));
    let body = String::from_utf8_lossy(&answer.body);
    assert!(body.contains(r#""errorType":"Sandbox.Timedout""#), "{body}");
    let sleeping =
        || running.processes().iter().filter(|(_, command)| command.contains("sleep 1000")).count();
    eventually(Duration::from_secs(1), "no child is left", || {
        sleeping() == 0 && running.functions().is_empty()
    });
}

#[test]
fn never_more_run_than_are_reserved_and_the_others_are_told_why() {
    let _alone = alone();
    let running = Running::misbehaving();
    let answers = at_once(1000, &invoke(&running, "fifty", r#"{"do":"span","ms":50}"#));
    let (ran, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == StatusCode::OK);
    assert!(ran.len() >= 50, "{} of them ran", ran.len());
    assert!(!refused.is_empty(), "all of them ran");
    let spans = ran.iter().map(|answer| serde_json::from_slice(&answer.body).expect("when it ran")).collect();
    let most = most_at_once(spans);
    assert!(most <= 50, "{most} ran at once");
    for answer in refused {
        let body = String::from_utf8_lossy(&answer.body);
        assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS, "{body}");
        assert!(body.contains(r#""Reason":"ReservedFunctionConcurrentInvocationLimitExceeded""#), "{body}");
    }
}

#[test]
fn a_thousand_calls_at_once_are_all_answered_in_little_memory() {
    let _alone = alone();
    let running = Running::misbehaving();
    let url = format!("{}/2021-11-16/functions/misbehave/invocations", running.shown.gateway);
    let call = Request::post(url)
        .header("authorization", format!("Key {KEY}"))
        .header("accept", "application/octet-stream")
        .body(r#"{"do":"sleep","ms":50}"#.to_owned())
        .unwrap();
    let answers = at_once(1000, &call);
    let answered = answers.iter().filter(|answer| answer.body == r#"{"do":"sleep","ms":50}"#).count();
    assert_eq!(answered, 1000, "{:?}", answers.iter().find(|answer| answer.status != StatusCode::OK));
    let (peak, program) = (running.peak_memory_kib(), running.program_memory_kib());
    let held = peak - program;
    // With a release build's own pages that is less than 64 MiB.
    assert!(held <= 44 * 1024, "the gateway held {held} KiB, beside {program} KiB of its program");
}

/// Of spans of time, the most that overlap.
fn most_at_once(spans: Vec<(u64, u64)>) -> i32 {
    let mut changes: Vec<(u64, i32)> =
        spans.into_iter().flat_map(|(begin, end)| [(begin, 1), (end, -1)]).collect();
    // Where one ends as another begins, they do not overlap.
    changes.sort_unstable();
    let at_once = changes.iter().scan(0, |now, (_, change)| {
        *now += change;
        Some(*now)
    });
    at_once.max().unwrap_or(0)
}

fn invoke(running: &Running, function: &str, event: &str) -> Request<String> {
    let url = format!("{}/2015-03-31/functions/{function}/invocations", running.shown.lambda);
    Request::post(url).body(event.to_owned()).expect("a request")
}

/// These tests measure; they do it one after the other.
pub(crate) fn alone() -> std::sync::MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
