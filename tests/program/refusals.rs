//! What the front refuses before any dialect sees it leaves its trace as everything else does.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use http::Request;

use super::{
    calls::once,
    running::{Running, eventually},
};

#[test]
fn a_refused_request_is_counted_and_in_the_log_and_open_connections_are_told() {
    let running = Running::misbehaving();
    let address = running.shown.gateway.trim_start_matches("http://").to_owned();
    let mut refused = TcpStream::connect(&address).expect("it listens");
    refused.write_all(b"GET / HTTP/1.1\nHost: a\n\n").expect("it reads");
    let mut answer = String::new();
    refused.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");

    let figures = || figures(&running);
    let counted = "stayput_rejections_total{dialect=\"-\",reason=\"line_end\",throttle=\"\"} 1";
    assert!(figures().contains(counted), "{}", figures());
    eventually(PATIENCE, "it is in the log", || {
        let log = running.stderr();
        log.lines().any(|line| line.contains("dialect=- ") && line.contains("status=400 blame=caller"))
    });
    drop(refused);
    eventually(PATIENCE, "nobody is connected", || figures().contains("stayput_connections 0\n"));
    let _open = TcpStream::connect(&address).expect("it listens");
    eventually(PATIENCE, "one is connected", || figures().contains("stayput_connections 1\n"));
}

fn figures(running: &Running) -> String {
    let url = format!("{}/metrics", running.shown.admin);
    let answer = once(&Request::get(url).body(String::new()).expect("a request"));
    String::from_utf8_lossy(&answer.body).into_owned()
}

/// Only waited for when something is wrong.
const PATIENCE: Duration = Duration::from_secs(20);
