//! The program as a shell sees it: standard output, standard error, exit codes. No network.

use std::{
    fs,
    io::{ErrorKind, Read as _, Write as _},
    net::TcpListener,
    path::Path,
    process::{Command, Output, Stdio},
};

use tempfile::TempDir;

#[path = "cli/functions.rs"]
mod functions;
#[path = "cli/moving.rs"]
mod moving;
#[path = "cli/template.rs"]
mod template;

/// A run of `stayput` in a folder of its own, with none of our variables set.
struct Shell {
    folder: TempDir,
}

impl Shell {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder") }
    }

    fn with(file: &str, text: &str) -> Self {
        let shell = Self::new();
        shell.write(file, text);
        shell
    }

    fn write(&self, file: &str, text: &str) {
        fs::write(self.path().join(file), text).expect("a file");
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn command(&self, words: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stayput"));
        let ours = std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("STAYPUT_"));
        for (name, _) in ours {
            command.env_remove(name);
        }
        command.args(words.split_whitespace()).current_dir(self.path());
        command
    }

    fn run(&self, words: &str) -> Output {
        self.command(words).stdin(Stdio::null()).output().expect("stayput starts")
    }

    fn run_with_input(&self, words: &str, input: &str) -> Output {
        let mut command = self.command(words);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("stayput starts");
        let written = child.stdin.take().expect("a pipe").write_all(input.as_bytes());
        let output = child.wait_with_output().expect("stayput ends");
        if let Err(error) = written {
            // Whoever is called wrongly says so without reading.
            let unread = error.kind() == ErrorKind::BrokenPipe && output.status.code() == Some(2);
            assert!(unread, "stayput {words} did not read: {error}\n{}", text(&output.stderr));
        }
        output
    }

    /// Runs `words` and compares exit code and standard output.
    #[track_caller]
    fn check(&self, words: &str, code: i32, stdout: &str) {
        let output = self.run(words);
        let found = (output.status.code(), text(&output.stdout));
        assert_eq!(found, (Some(code), stdout.to_owned()), "stayput {words}\n{}", text(&output.stderr));
    }

    /// Runs `words` and compares the printed table, a blank between columns.
    #[track_caller]
    fn check_table(&self, words: &str, expected: &[&str]) {
        let output = self.run(words);
        let printed = text(&output.stdout);
        let found: Vec<_> =
            printed.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        assert_eq!(found, expected, "stayput {words}\n{}", text(&output.stderr));
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

const TEMPLATE: &str = "\
Transform: AWS::Serverless-2016-10-31
Resources:
  Hello:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: hello
      CodeUri: .
      Handler: bootstrap
      Runtime: provided.al2023
";

#[test]
fn help_tells_the_verbs_and_the_exit_codes() {
    let output = Shell::new().run("--help");
    assert_eq!(output.status.code(), Some(0));
    let help = text(&output.stdout);
    for word in
        ["dev", "lambda", "invoke", "routes", "keys", "functions", "check-config", "Exit codes:", "Example:"]
    {
        assert!(help.contains(word), "no {word} in\n{help}");
    }
    assert!(!help.contains("warden"), "the warden is nobody's verb\n{help}");
}

#[test]
fn a_misspelt_verb_is_a_usage_error_with_a_guess() {
    let output = Shell::new().run("rouets");
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("routes"), "{}", text(&output.stderr));
}

#[test]
fn check_config_tells_all_mistakes_at_once() {
    let shell = Shell::with("stayput.toml", "[gateway]\nlisten = \"here\"\n\n[[functoin]]\n");
    shell.check(
        "check-config",
        2,
        "stayput.toml:2:10: listen: \"here\" is not an address with a port; write e.g. \"127.0.0.1:8080\"\n\
         stayput.toml:4:3: \"functoin\" is unknown; did you mean \"function\"?\n",
    );
    let json = shell.run("check-config --json");
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert_eq!(json["mistakes"][1]["line"], 4);
    assert_eq!(json["ok"], false);
}

#[test]
fn check_config_is_content_with_what_is_right() {
    Shell::new().check("check-config", 0, "ok\n");
    Shell::with("other.toml", "[lambda]\nconcurrency = 7\n").check(
        "check-config --config other.toml",
        0,
        "ok\n",
    );
}

#[test]
fn the_environment_is_checked_too_and_weaker_than_flags() {
    let shell = Shell::with("template.yaml", TEMPLATE);
    let output =
        shell.command("check-config").env("STAYPUT_LISTEN", "nowhere").output().expect("stayput starts");
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stdout).starts_with("STAYPUT_LISTEN: \"nowhere\" is not"),
        "{}",
        text(&output.stdout)
    );
    let flag = shell.command("routes --listen 127.0.0.1:7").env("STAYPUT_LISTEN", "nowhere").output();
    let flag = flag.expect("stayput starts");
    assert!(text(&flag.stdout).contains("http://127.0.0.1:7/"), "{}", text(&flag.stdout));
}

#[test]
fn health_is_what_the_admin_listener_says() {
    for (status, code, told) in
        [("200 OK", 0, "ready\n"), ("503 Service Unavailable", 1, ""), ("404 Not Found", 3, "")]
    {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let answering = std::thread::spawn(move || {
            let (mut asked, _) = listener.accept().expect("a connection");
            let mut head = [0; 1024];
            let read = asked.read(&mut head).expect("a request");
            assert!(head[..read].starts_with(b"GET /readyz "));
            write!(asked, "HTTP/1.1 {status}\r\nContent-Length: 6\r\n\r\nready\n").expect("an answer");
        });
        let output = Shell::new().run(&format!("health --admin {url}"));
        answering.join().expect("asked");
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(code), told.to_owned()), "{status}");
    }
    let port = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", port.local_addr().expect("an address"));
    drop(port);
    assert_eq!(Shell::new().run(&format!("health --admin {url}")).status.code(), Some(3));
}

#[test]
fn a_named_file_must_be_there() {
    let output = Shell::new().run("check-config --config none.toml");
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains("none.toml cannot be read: No such file"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn without_a_file_routes_come_from_the_template() {
    Shell::with("template.yaml", TEMPLATE).check_table(
        "routes",
        &[
            "FUNCTION DIALECT MODE URL METHODS",
            "hello stedi sync http://127.0.0.1:8080/2021-11-16/functions/hello/invocations POST",
            "hello stedi async http://127.0.0.1:8080/2021-11-16/functions/hello/invocations POST",
            "hello altair sync http://127.0.0.1:8080/spaces/dev/functions/hello/invoke/… POST,GET,PUT,PATCH,DELETE",
            "hello altair async http://127.0.0.1:8080/spaces/dev/functions/hello/async-invoke/… POST",
            "hello eywa sync http://127.0.0.1:8080/eywa/api/functions/sync/46bcf8a0-e005-5afd-9a55-bb08a8c7a087/… \
             POST,PUT,PATCH,DELETE,GET",
            "hello eywa async http://127.0.0.1:8080/eywa/api/functions/async/46bcf8a0-e005-5afd-9a55-bb08a8c7a087/… \
             POST",
            "hello openfaas sync http://127.0.0.1:8080/function/hello/… POST,PUT,PATCH,DELETE,GET,OPTIONS,HEAD",
            "hello openfaas async http://127.0.0.1:8080/async-function/hello/… POST",
        ],
    );
}

#[test]
fn with_a_file_routes_are_exactly_what_it_says() {
    let file = "[[function]]\nlambda = \"resize:live\"\nstedi = [\"b\", \"a\"]\n";
    let shell = Shell::with("stayput.toml", file);
    shell.check_table(
        "routes",
        &[
            "FUNCTION DIALECT MODE URL METHODS",
            "resize:live stedi sync http://127.0.0.1:8080/2021-11-16/functions/a/invocations POST",
            "resize:live stedi async http://127.0.0.1:8080/2021-11-16/functions/a/invocations POST",
            "resize:live stedi sync http://127.0.0.1:8080/2021-11-16/functions/b/invocations POST",
            "resize:live stedi async http://127.0.0.1:8080/2021-11-16/functions/b/invocations POST",
        ],
    );
    let json: serde_json::Value = serde_json::from_slice(&shell.run("routes --json").stdout).expect("JSON");
    assert_eq!(json[0]["url"], "http://127.0.0.1:8080/2021-11-16/functions/a/invocations");
    assert_eq!(json[0]["methods"][0], "POST");
}

#[test]
fn a_template_that_is_missing_is_named() {
    let output = Shell::new().run("routes --template none.yaml");
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("none.yaml"), "{}", text(&output.stderr));
}

#[test]
fn a_registered_credential_is_kept_as_its_hash_alone() {
    let shell = Shell::new();
    let secret = "c3499c2729730a7f807efb8676a92dcb6f8a3f8f";
    let added =
        shell.run_with_input("keys add --dialect altair --label portal --write", &format!("{secret}\n"));
    assert_eq!(added.status.code(), Some(0), "{}", text(&added.stderr));
    let file = fs::read_to_string(shell.path().join("stayput.toml")).expect("the file was made");
    // By `printf c3499… | sha256sum`: the line break is not the credential's.
    assert!(file.contains("b7ae41ff6a1a1fe76ba7094e05be26ef397642b2177de8a7cb90185d5f228e12"), "{file}");
    for shown in [&file, &text(&added.stdout), &text(&added.stderr)] {
        assert!(!shown.contains(secret), "{shown}");
        assert!(!shown.contains("warning"), "{shown}");
    }
    shell.check(
        "keys list",
        0,
        "LABEL   SHA256  DIALECTS  FUNCTIONS  RIGHTS  LIMITS  COUNTS\n\
         portal  b7ae…   altair    all        invoke  none    always\n",
    );
}

#[test]
fn a_credential_that_is_easy_to_guess_draws_a_warning() {
    let shell = Shell::new();
    let output = shell.run_with_input("keys add --dialect stedi --label old", "hunter2\n");
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stderr).starts_with("warning: about 36 bits"), "{}", text(&output.stderr));
    assert!(text(&output.stdout).starts_with("[[key]]\nlabel = \"old\"\n"), "{}", text(&output.stdout));
    assert!(!shell.path().join("stayput.toml").exists());
}

#[test]
fn nothing_to_register_is_a_usage_error() {
    for words in ["keys add --dialect stedi --label x", "keys add --dialect stedi --label a/b\u{e4}"] {
        let output = Shell::new().run(words);
        assert_eq!(output.status.code(), Some(2), "{words}");
    }
    let output = Shell::new().run_with_input("keys add --dialect steddi --label x", "k\n");
    assert!(text(&output.stderr).contains("'stedi'"), "{}", text(&output.stderr));
}

#[test]
fn a_new_key_is_shown_once_and_works_with_its_row() {
    let shell = Shell::new();
    let made =
        shell.run("keys new --dialect stedi --dialect eywa --right invoke --right logs --label ci --json");
    let made: serde_json::Value = serde_json::from_slice(&made.stdout).expect("JSON");
    let key = made["key"].as_str().expect("a key");
    assert!(key.starts_with("key_") && key.len() == 68, "{key}");
    shell.write("stayput.toml", made["row"].as_str().expect("a row"));
    let listed: serde_json::Value =
        serde_json::from_slice(&shell.run("keys list --json").stdout).expect("JSON");
    assert_eq!(listed[0]["rights"], serde_json::json!(["invoke", "logs"]));
    assert_eq!(listed[0]["dialects"], serde_json::json!(["stedi", "eywa"]));
}

#[test]
fn a_key_is_bounded_from_the_command_line_and_the_list_says_how() {
    let shell = Shell::new();
    let bounds = "--rate 600/m --burst 30 --concurrency 8 --not-before 2026-01-31T00:00:00+01:00";
    let made = shell.run(&format!("keys new --dialect eywa --label erp --write {bounds}"));
    assert_eq!(made.status.code(), Some(0), "{}", text(&made.stderr));
    let listed: serde_json::Value =
        serde_json::from_slice(&shell.run("keys list --json").stdout).expect("JSON");
    let listed = &listed[0];
    assert_eq!((&listed["rate"], &listed["burst"]), (&"600/m".into(), &30.into()));
    assert_eq!(listed["concurrency"], 8);
    assert_eq!(listed["not_before"], "2026-01-30T23:00:00Z");
    assert_eq!(listed["not_after"], serde_json::Value::Null);
    let shown = text(&shell.run("keys list").stdout);
    assert!(shown.contains("  600/m (burst 30), 8 at a time  from 2026-01-30T23:00:00Z\n"), "{shown}");
}

#[test]
fn bounds_that_cannot_be_are_usage_errors() {
    for (bounds, told) in [
        ("--rate fast", "write e.g. \"50/s\""),
        ("--burst 5", "--rate"),
        ("--concurrency 0", "--concurrency"),
        ("--not-after 2026-01-31", "is not a moment"),
        ("--not-before 2026-02-01T00:00:00Z --not-after 2026-01-31T00:00:00Z", "would never count"),
    ] {
        let output = Shell::new().run(&format!("keys new --dialect stedi --label x {bounds}"));
        assert_eq!(output.status.code(), Some(2), "{bounds}");
        assert!(text(&output.stderr).contains(told), "{bounds}: {}", text(&output.stderr));
    }
}

#[test]
fn a_row_that_would_break_the_file_is_not_written() {
    let shell = Shell::new();
    let add = |label: &str| {
        shell.run_with_input(&format!("keys add --dialect stedi --label {label} --write"), "k\n")
    };
    assert_eq!(add("one").status.code(), Some(0));
    let before = fs::read_to_string(shell.path().join("stayput.toml")).expect("the file");
    let again = add("two");
    assert_eq!(again.status.code(), Some(2));
    assert!(text(&again.stderr).contains("the same credential as key \"one\""), "{}", text(&again.stderr));
    assert_eq!(fs::read_to_string(shell.path().join("stayput.toml")).expect("the file"), before);
}

#[test]
fn invoking_where_nothing_listens_is_exit_code_3() {
    // Port 1 is nobody's on a loopback interface, and asking it leaves the machine in peace.
    let output = Shell::new().run("invoke echo --endpoint http://127.0.0.1:1 --payload {}");
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stderr).contains("stayput dev"), "{}", text(&output.stderr));
}

/// Answers one request with `answer`, or with silence.
fn answering_once(answer: Option<&'static str>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        let (mut caller, _) = listener.accept().expect("a caller");
        let mut request = Vec::new();
        while !request.ends_with(b"{\"a\":1}") {
            let mut byte = [0];
            caller.read_exact(&mut byte).expect("a request");
            request.push(byte[0]);
        }
        match answer {
            Some(answer) => caller.write_all(answer.as_bytes()).expect("an answer"),
            // Until the caller gives up.
            None => drop(caller.read(&mut [0])),
        }
    });
    url
}

#[test]
fn a_function_error_is_exit_code_1_with_the_payload_printed() {
    let url = answering_once(Some(
        "HTTP/1.1 200 OK\r\nx-amzn-requestid: 6c8f0f3c-0000-4000-8000-000000000001\r\n\
         x-amz-function-error: Unhandled\r\nx-amz-log-result: T25lClR3bwo=\r\ncontent-length: 22\r\n\r\n\
         {\"errorType\":\"BadDay\"}",
    ));
    Shell::new().check(
        &format!("invoke f --endpoint {url} --payload {{\"a\":1}} --json"),
        1,
        "{\"functionName\":\"f\",\"payload\":{\"errorType\":\"BadDay\"},\"logTail\":[\"One\",\"Two\"],\
         \"invocationId\":\"6c8f0f3c-0000-4000-8000-000000000001\",\"error\":\"Unhandled\"}\n",
    );
}

#[test]
fn an_answer_that_does_not_come_in_time_is_exit_code_4() {
    let url = answering_once(None);
    let output = Shell::new().run(&format!("invoke f --endpoint {url} --payload {{\"a\":1}} --timeout 50ms"));
    assert_eq!(output.status.code(), Some(4));
    assert!(text(&output.stderr).contains("--timeout"), "{}", text(&output.stderr));
}

#[test]
fn a_port_that_is_taken_is_refused_with_the_flag_to_change_it() {
    let held = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = held.local_addr().expect("an address");
    let shell = Shell::with("template.yaml", TEMPLATE);
    for (verb, flag) in [("dev", "--listen"), ("lambda", "--listen")] {
        let output = shell.run(&format!("{verb} --no-build {flag} {address}"));
        assert_eq!(output.status.code(), Some(2));
        let expected = format!("port {} is taken; choose another with {flag}\n", address.port());
        assert_eq!(text(&output.stderr), expected);
    }
}

#[test]
fn signatures_need_an_access_key_to_be_judged_by() {
    let shell = Shell::with("template.yaml", TEMPLATE);
    let check = |id: &str, secret: &str, token: &str, expected: &str| {
        let mut command = shell.command("lambda --no-build --listen 127.0.0.1:0 --require-signatures");
        for (name, value) in
            [("AWS_ACCESS_KEY_ID", id), ("AWS_SECRET_ACCESS_KEY", secret), ("AWS_SESSION_TOKEN", token)]
        {
            command.env(name, value);
        }
        let output = command.stdin(Stdio::null()).output().expect("stayput starts");
        assert_eq!(output.status.code(), Some(2));
        let stderr = text(&output.stderr);
        let end = "; set the access key with which callers will sign\n";
        assert_eq!(stderr, format!("--require-signatures: {expected}{end}"));
        assert!(secret.is_empty() || !stderr.contains(secret), "{stderr}");
    };
    check("", "hush", "", "AWS_ACCESS_KEY_ID is not set");
    check("AKIDEXAMPLE", "", "", "AWS_SECRET_ACCESS_KEY is not set");
    let id = "an access key id has 1 to 128 visible ASCII characters, without / , or =";
    check("a/b", "hush", "", id);
    check("AKIDEXAMPLE", "hush", "t t", "a session token has one or more visible ASCII characters");
}

#[test]
fn every_setting_tells_where_it_was_written() {
    let shell = Shell::with("stayput.toml", "[gateway]\nlog_level = \"warn\"\n");
    let run = |words: &str| {
        let output =
            shell.command(words).env("STAYPUT_LISTEN", "127.0.0.1:1").output().expect("stayput starts");
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    let table = run("check-config --show-origin");
    let lines: Vec<_> =
        table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    for expected in [
        "SETTING VALUE FROM",
        "gateway.listen 127.0.0.1:1 STAYPUT_LISTEN",
        "gateway.log_level warn stayput.toml:2:13",
        "gateway.data_dir .stayput default",
        "aws.endpoint \"\" default",
    ] {
        assert!(lines.iter().any(|line| line == expected), "no {expected:?} in\n{table}");
    }
    let json = run("check-config --show-origin --json");
    for expected in [
        r#"{"setting":"gateway.listen","value":"127.0.0.1:1","variable":"STAYPUT_LISTEN"}"#,
        r#"{"column":13,"file":"stayput.toml","line":2,"setting":"gateway.log_level","value":"warn"}"#,
    ] {
        assert!(json.contains(expected), "no {expected} in {json}");
    }
}

#[test]
fn completions_and_manual_pages_are_printed_and_written() {
    let shell = Shell::new();
    for name in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let output = shell.run(&format!("completions {name}"));
        assert_eq!(output.status.code(), Some(0), "{name}");
        assert!(text(&output.stdout).contains("check-config"), "{name}");
    }
    let output = shell.run("man");
    assert!(text(&output.stdout).contains(".TH stayput 1"), "{}", text(&output.stdout));
    shell.check("man --out pages", 0, "");
    let page = fs::read_to_string(shell.path().join("pages/stayput-keys-add.1")).expect("a page");
    assert!(page.contains(".TH stayput-keys-add 1"), "{page}");
}
