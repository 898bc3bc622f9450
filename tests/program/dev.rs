//! `stayput dev`, run as its users run it: what it prints works, and what it started ends with it.

use std::{
    env, fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    process::Command,
    thread,
    time::Duration,
};

use http::Request;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::{
    calls::try_once,
    running::{KEY, Running, eventually, root},
};

/// Each line is the one that the dialect's page shows, and where there is curl, answers as the page says it does.
#[test]
fn every_printed_line_answers_as_its_dialects_page_shows() {
    let (running, has_curl) = (Running::samples(), has_curl());
    let dialects: Vec<&str> = running.shown.curl.iter().map(|(dialect, _)| dialect.as_str()).collect();
    assert_eq!(dialects, ["stedi", "altair", "eywa", "openfaas"], "{}", running.stderr());
    for (dialect, line) in &running.shown.curl {
        let page = fs::read_to_string(root().join(format!("docs/dialects/{dialect}.md"))).expect("a page");
        let (shown_line, shown_answer) =
            shown_on_laptop(&page).unwrap_or_else(|| panic!("{dialect}'s page shows no line"));
        let as_shown = line.replace(&running.shown.gateway, "http://127.0.0.1:8080").replace(KEY, "KEY");
        assert_eq!(as_shown, shown_line, "the line that {dialect}'s page shows");
        if has_curl {
            let answer = Command::new("sh").args(["-c", line]).output().expect("a shell");
            assert_eq!(String::from_utf8_lossy(&answer.stdout).trim_end(), shown_answer, "{line}");
        }
    }
}

#[test]
fn the_urls_that_the_template_speaks_of_are_printed_as_lines_that_work() {
    let running = Running::samples();
    let url = format!("{}/lambda-url/download/", running.shown.lambda);
    assert!(running.shown.printed.contains(&format!("\n  curl -N {url}\n")), "{}", running.shown.printed);
    let address = running.shown.lambda.strip_prefix("http://").expect("http");
    let mut stream = TcpStream::connect(address).expect("Lambda listens");
    let request = format!(
        "GET /lambda-url/download/?bytes=1000 HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("whole");
    let answer = String::from_utf8_lossy(&answer);
    assert!(
        answer.starts_with("HTTP/1.1 ") && answer.contains("\r\ntransfer-encoding: chunked\r\n"),
        "{answer}"
    );
    assert!(answer.ends_with("\r\n0\r\n\r\n"), "{answer}");
}

#[expect(clippy::print_stdout, reason = "who runs the tests is to know what was left out")]
fn has_curl() -> bool {
    let has_curl = Command::new("curl").arg("--version").output().is_ok();
    if !has_curl {
        assert!(env::var_os("CI").is_none(), "CI has curl, so that these lines run somewhere");
        println!("the lines are not run: there is no curl on this machine");
    }
    has_curl
}

/// The line and the answer under the heading "On your laptop".
fn shown_on_laptop(page: &str) -> Option<(&str, &str)> {
    let (_, section) = page.split_once("\n## On your laptop\n")?;
    let (_, rest) = section.split_once("```sh\n")?;
    let (line, rest) = rest.split_once("\n```")?;
    let (_, rest) = rest.split_once("```text\n")?;
    let (answer, _) = rest.split_once("\n```")?;
    Some((line, answer))
}

#[test]
fn nothing_is_left_after_ctrl_c() {
    let mut running = Running::misbehaving();
    start_a_call_that_leaves_children(&running);
    running.signal(Signal::SIGINT);
    assert!(running.wait().success(), "{}", running.stderr());
    nothing_is_left(&running);
}

#[test]
fn nothing_is_left_after_it_was_killed() {
    let mut running = Running::misbehaving();
    start_a_call_that_leaves_children(&running);
    running.signal(Signal::SIGKILL);
    running.wait();
    nothing_is_left(&running);
}

#[test]
fn without_its_warden_it_ends_and_says_so() {
    let mut running = Running::misbehaving();
    start_a_call_that_leaves_children(&running);
    let processes = running.processes();
    let (warden, _) = processes
        .iter()
        .find(|(pid, command)| command.ends_with("stayput warden") && running.is_child(*pid))
        .expect("it runs");
    kill(Pid::from_raw(*warden), Signal::SIGKILL).expect("it runs");
    assert_eq!(running.wait().code(), Some(3), "{}", running.stderr());
    assert!(running.stderr().contains("the warden was killed"), "{}", running.stderr());
    nothing_is_left(&running);
}

/// A function that has started processes in sessions of their own, and never answers.
fn start_a_call_that_leaves_children(running: &Running) {
    let url = format!("{}/2015-03-31/functions/misbehave/invocations", running.shown.lambda);
    let call = Request::post(url).body(r#"{"do":"spawn","count":20}"#.to_owned()).expect("a request");
    thread::spawn(move || try_once(&call));
    let sleeping =
        || running.processes().iter().filter(|(_, command)| command.contains("sleep 1000")).count();
    eventually(Duration::from_secs(20), "its children sleep", || sleeping() >= 10);
}

fn nothing_is_left(running: &Running) {
    let left = || running.processes();
    eventually(Duration::from_secs(2), "everything of this run has ended", || left().is_empty());
}
