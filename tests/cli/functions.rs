//! `stayput functions` in front of a Lambda that says what it is told.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    process::Output,
    sync::mpsc,
    thread,
};

use super::{Shell, text};

const CONFIG: &str = "\
[[function]]
lambda = \"resize\"
stedi = \"small\"
openfaas = \"resize\"
[[function]]
lambda = \"lost\"
stedi = \"lost\"
";

const FIRST_PAGE: &str = r#"{"Functions":[{"FunctionName":"resize","Runtime":"provided.al2023","Timeout":3,"MemorySize":128,"LastModified":"2026-01-02T03:04:05.000+0000"}],"NextMarker":"more"}"#;
const SECOND_PAGE: &str = r#"{"Functions":[{"FunctionName":"image","PackageType":"Image","Timeout":900,"MemorySize":1024,"LastModified":"2026-01-02T03:04:06.000+0000"}]}"#;

/// Answers each request with the next of `answers`, and tells the heads that it read.
fn lambda(answers: &'static [(&'static str, &'static str)]) -> (String, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let (heads, told) = mpsc::channel();
    thread::spawn(move || {
        for (status, body) in answers {
            let (mut stream, _) = listener.accept().expect("a connection");
            let mut head = String::new();
            let mut lines = BufReader::new(stream.try_clone().expect("a socket"));
            while !head.ends_with("\r\n\r\n") && lines.read_line(&mut head).expect("a head") > 0 {}
            heads.send(head).expect("the test waits");
            let length = body.len();
            write!(
                stream,
                "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
            )
            .expect("a reader");
        }
    });
    (url, told)
}

/// With credentials and a region as the SDK finds them, and nothing of whoever runs the tests.
fn run(shell: &Shell, words: &str, variables: &[(&str, &str)]) -> Output {
    let mut command = shell.command(words);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("AWS_")) {
        command.env_remove(name);
    }
    command.env("HOME", shell.path()).env("AWS_EC2_METADATA_DISABLED", "true").env("NO_PROXY", "*");
    command.envs(variables.iter().copied()).output().expect("stayput starts")
}

const CREDENTIALS: [(&str, &str); 3] = [
    ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
    ("AWS_SECRET_ACCESS_KEY", "s3cret"),
    ("AWS_REGION", "eu-central-1"),
];

#[test]
fn all_pages_are_listed_and_what_callers_can_name_is_marked() {
    let (url, told) = lambda(&[("200 OK", FIRST_PAGE), ("200 OK", SECOND_PAGE)]);
    let shell = Shell::with("stayput.toml", CONFIG);
    let output = run(&shell, &format!("functions --endpoint {url}"), &CREDENTIALS);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let lines: Vec<_> = text(&output.stdout)
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(
        lines,
        [
            "FUNCTION RUNTIME STATE TIMEOUT MEMORY MODIFIED CALLERS' NAMES",
            "image - - 900 s 1024 MB 2026-01-02T03:04:06.000+0000 -",
            "resize provided.al2023 - 3 s 128 MB 2026-01-02T03:04:05.000+0000 openfaas resize, stedi small",
        ]
    );
    assert!(text(&output.stderr).contains("no function \"lost\""), "{}", text(&output.stderr));
    let (first, second) = (told.recv().expect("a head"), told.recv().expect("a head"));
    assert!(first.starts_with("GET /2015-03-31/functions"), "{first}");
    assert!(
        first.contains("Credential=AKIDEXAMPLE/") && first.contains("/eu-central-1/lambda/aws4_request"),
        "{first}"
    );
    assert!(second.lines().next().is_some_and(|line| line.contains("Marker=more")), "{second}");
}

#[test]
fn the_state_is_asked_for_where_callers_can_name_the_function() {
    let (url, told) = lambda(&[
        ("200 OK", FIRST_PAGE),
        ("200 OK", SECOND_PAGE),
        ("200 OK", r#"{"FunctionName":"resize","State":"Inactive"}"#),
    ]);
    let shell = Shell::with("stayput.toml", CONFIG);
    let output = run(&shell, &format!("functions --endpoint {url} --state --json"), &CREDENTIALS);
    let listed = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(listed.contains(r#""name":"resize","runtime":"provided.al2023","state":"Inactive""#), "{listed}");
    assert!(listed.contains(r#""missing":["lost"]"#), "{listed}");
    let last = told.iter().last().expect("three heads");
    assert!(last.starts_with("GET /2015-03-31/functions/resize/configuration "), "{last}");
}

#[track_caller]
fn check(variables: &[(&str, &str)], words: &str, code: i32, says: &str) {
    let output = run(&Shell::new(), words, variables);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(said.contains(says), "{said}");
    assert!(!said.contains("s3cret"), "{said}");
}

#[test]
fn what_stands_in_the_way_is_said_with_what_to_do() {
    let (url, _told) = lambda(&[(
        "403 Forbidden\r\nx-amzn-errortype: AccessDeniedException",
        r#"{"Message":"User: me is not authorized"}"#,
    )]);
    check(
        &CREDENTIALS,
        &format!("functions --endpoint {url}"),
        3,
        "the credentials need lambda:ListFunctions",
    );
    check(&CREDENTIALS[2..], "functions", 3, "no AWS credentials; set AWS_PROFILE");
    check(&CREDENTIALS[..2], "functions", 2, "no region; write --region");
    let closed = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    check(&CREDENTIALS, &format!("functions --endpoint http://{closed}"), 3, "could not be reached");
    check(&CREDENTIALS, "functions --endpoint nowhere", 2, "--endpoint: not the URL of a service");
}
