//! What is secret stays where it belongs: canaries are put wherever callers, functions and operators may put a secret,
//! and whatever the program emits is searched for them.

use std::{
    fs,
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

use http::{HeaderMap, Request, StatusCode};
use nix::sys::signal::Signal;

use super::{
    calls::{Answer, once},
    running::{KEY, Running, folder},
};

/// A secret, and where the contract has it.
struct Canary {
    text: &'static str,
    /// Everywhere else it is a leak.
    belongs: &'static [Place],
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Place {
    /// The answer to the very call that brought it, or whose function made it.
    OwnAnswer,
    /// What `dev` prints when it is ready: lines to paste, which hold the key of this machine's own user.
    DevLines,
    /// A function's log is shown on the terminal in `dev`.
    Terminal,
    /// Calls that were accepted, as their functions get them, until they are over.
    Events,
}

const CANARIES: &[Canary] = &[
    // The callers' credentials: nowhere.
    Canary { text: STEDI, belongs: &[] },
    Canary { text: ALTAIR, belongs: &[] },
    Canary { text: EYWA, belongs: &[] },
    Canary { text: OPENFAAS, belongs: &[] },
    Canary { text: UNKNOWN, belongs: &[] },
    Canary { text: BASIC, belongs: &[] },
    Canary { text: USERINFO, belongs: &[] },
    Canary { text: CALLBACK, belongs: &[] },
    Canary { text: KEY, belongs: &[Place::DevLines] },
    // What the function is handed, and may answer with.
    Canary { text: BODY, belongs: &[Place::OwnAnswer, Place::Events] },
    Canary { text: COOKIE, belongs: &[Place::OwnAnswer, Place::Events] },
    Canary { text: QUERY, belongs: &[Place::OwnAnswer, Place::Events] },
    // What the function says.
    Canary { text: LOG, belongs: &[Place::OwnAnswer, Place::Terminal] },
    Canary { text: FAULT, belongs: &[Place::OwnAnswer] },
    Canary { text: TRACE, belongs: &[Place::OwnAnswer] },
];

const STEDI: &str = "canary-0c11-credential-of-the-stedi-caller";
const ALTAIR: &str = "canary-0c12-credential-of-the-altair-caller";
const EYWA: &str = "canary-0c13-credential-of-the-eywa-caller";
const OPENFAAS: &str = "canary-0c14-credential-of-the-openfaas-caller";
const UNKNOWN: &str = "canary-0c15-credential-that-nobody-registered";
const BASIC: &str = "canary-0c16-of-another-scheme";
const USERINFO: &str = "canary-0c17-password-in-a-callback-url";
const CALLBACK: &str = "canary-0c18-token-in-a-callback-url";
const BODY: &str = "canary-0c19-in-a-body";
const COOKIE: &str = "canary-0c20-in-a-cookie";
const QUERY: &str = "canary-0c21-in-a-query";
const LOG: &str = "canary-0c22-in-a-log-line";
const FAULT: &str = "canary-0c23-in-an-error-text";
const TRACE: &str = "canary-0c24-in-a-stack-trace";

#[test]
fn nothing_secret_is_emitted_as_text() {
    nothing_secret_is_emitted("text");
}

#[test]
fn nothing_secret_is_emitted_as_json() {
    nothing_secret_is_emitted("json");
}

fn nothing_secret_is_emitted(log_format: &str) {
    let folder = folder();
    fs::write(folder.path().join("stayput.toml"), FUNCTIONS).expect("a configuration");
    for caller in CALLERS {
        let words = ["keys", "add", "--write", "--right", "invoke", "--right", "async", "--right", "logs"];
        let words = [&words[..], &["--dialect", caller.dialect, "--label", caller.dialect]].concat();
        shell(folder.path(), &words, caller.credential);
    }
    for words in [&["check-config"][..], &["keys", "list"], &["routes"], &["routes", "--json"]] {
        shell(folder.path(), words, "");
    }
    // A mistake that is easily made; whoever makes it is told so without the secret.
    let words = ["keys", "add", "--dialect", "stedi", "--label", "mistake"];
    shell(folder.path(), &words, &format!("Authorization: Key {UNKNOWN}"));

    let words = ["--config", "stayput.toml", "--log-level", "trace", "--log-format", log_format];
    let mut running = Running::misbehaving_in(folder, &words);
    for caller in CALLERS {
        caller.call_in_every_way(&running.shown.gateway);
    }
    strangers_see_nothing(&running);
    for (pid, command) in running.processes() {
        search(&format!("the command line of {pid}"), command.as_bytes(), &[]);
    }
    running.signal(Signal::SIGINT);
    assert!(running.wait().success(), "{}", running.stderr());
    let (stdout, stderr) = (running.stdout(), running.stderr());
    search("standard output", stdout.as_bytes(), &[Place::DevLines]);
    search("standard error", stderr.as_bytes(), &[Place::Terminal]);
    // Or there was nothing to find in the first place.
    assert!(stdout.contains(KEY) && stderr.contains(LOG), "{stdout}\n{stderr}");
    assert!(stderr.matches("request_id").count() > 7 * CALLERS.len(), "{stderr}");
    search_files(running.folder());
}

/// Somebody who holds a credential, and how its dialect is spoken.
struct Caller {
    dialect: &'static str,
    credential: &'static str,
    header: &'static str,
    scheme: &'static str,
    /// Of a function that gets what the dialect gives it, and of one that gets bare events.
    sync: [&'static str; 2],
    asynchronous: &'static str,
}

const CALLERS: &[Caller] = &[
    Caller {
        dialect: "stedi",
        credential: STEDI,
        header: "authorization",
        scheme: "Key ",
        sync: ["/2021-11-16/functions/misbehave/invocations"; 2],
        // The same route, told apart from the other here by its slash.
        asynchronous: "/2021-11-16/functions/misbehave/invocations/",
    },
    Caller {
        dialect: "altair",
        credential: ALTAIR,
        header: "authorization",
        scheme: "Bearer ",
        sync: ["/spaces/dev/functions/misbehave/invoke", "/spaces/dev/functions/bare/invoke"],
        asynchronous: "/spaces/dev/functions/misbehave/async-invoke",
    },
    Caller {
        dialect: "eywa",
        credential: EYWA,
        header: "x-eywa-token",
        scheme: "",
        sync: [
            "/eywa/api/functions/sync/0e000000-0000-5000-8000-000000000001/",
            "/eywa/api/functions/sync/0e000000-0000-5000-8000-000000000002/",
        ],
        asynchronous: "/eywa/api/functions/async/0e000000-0000-5000-8000-000000000001/",
    },
    Caller {
        dialect: "openfaas",
        credential: OPENFAAS,
        header: "authorization",
        scheme: "Bearer ",
        sync: ["/function/misbehave", "/function/bare"],
        asynchronous: "/async-function/misbehave",
    },
];

impl Caller {
    fn call_in_every_way(&self, gateway: &str) {
        let [handed, bare] = self.sync;
        let (body, known) = (format!(r#"{{"secret":"{BODY}"}}"#), self.credential);
        let log = format!(r#"{{"do":"print","text":"{LOG}"}}"#);
        let error = format!(r#"{{"errorType":"E","errorMessage":"{FAULT}","stackTrace":["{TRACE}"]}}"#);
        let fault = format!(r#"{{"do":"fail","error":{error}}}"#);

        let own = &[Place::OwnAnswer];
        let answer = self.call(gateway, handed, known, &body, own);
        assert_eq!(answer.status, StatusCode::OK, "{}: {answer:?}", self.dialect);
        self.call(gateway, bare, known, &log, own);
        let answer = self.call(gateway, bare, known, &fault, own);
        assert_ne!(answer.status, StatusCode::NOT_FOUND, "{}: {answer:?}", self.dialect);
        // Nobody's answer holds what a caller sent where no function was asked.
        let answer = self.call(gateway, handed, UNKNOWN, &body, &[]);
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{}: {answer:?}", self.dialect);
        // A callback with a password in its URL is refused, where callbacks are known.
        let refused = if self.dialect == "stedi" { StatusCode::ACCEPTED } else { StatusCode::BAD_REQUEST };
        let answer = self.call(gateway, self.asynchronous, known, &body, &[]);
        assert_eq!(answer.status, refused, "{}: {answer:?}", self.dialect);
        // One that cannot be delivered: what is said of it must not say where it was to go.
        let callback = format!("http://127.0.0.1:{NOBODY}/?token={CALLBACK}");
        let answer = self.call_back(gateway, self.asynchronous, known, &body, &[], &callback);
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{}: {answer:?}", self.dialect);
        let unknown = handed.replace("misbehave", QUERY).replace("0e000000", "00000000");
        for path in [unknown.as_str(), &format!("{}/%2e%2e/{QUERY}", handed.trim_end_matches('/'))] {
            // Eywa and OpenFaaS name the function that is unknown, which its caller wrote.
            let answer = self.call(gateway, path, known, &body, own);
            assert!(answer.status.is_client_error(), "{} {path}: {answer:?}", self.dialect);
        }
        // No JSON: Lambda says so.
        self.call(gateway, bare, known, &format!(r#"{{"secret":"{BODY}""#), own);
    }

    /// A call with a canary wherever one fits, and what its answer may hold of them.
    fn call(&self, gateway: &str, path: &str, credential: &str, body: &str, places: &[Place]) -> Answer {
        let callback = format!("https://me:{USERINFO}@hook.example/?token={CALLBACK}");
        self.call_back(gateway, path, credential, body, places, &callback)
    }

    fn call_back(
        &self,
        gateway: &str,
        path: &str,
        credential: &str,
        body: &str,
        places: &[Place],
        callback: &str,
    ) -> Answer {
        let query = format!("token={QUERY}");
        let mut request = Request::post(format!("{gateway}{path}?{query}"))
            .header(self.header, format!("{}{credential}", self.scheme))
            .header("cookie", format!("session={COOKIE}"))
            .header("proxy-authorization", format!("Basic {BASIC}"))
            .header("x-callback-url", callback);
        if path == self.asynchronous && self.dialect == "stedi" {
            request = request.header("x-amz-invocation-type", "Event");
        }
        if self.header != "authorization" {
            request = request.header("authorization", format!("Basic {BASIC}"));
        }
        let answer = once(&request.body(body.to_owned()).expect("a request"));
        let told = format!("{}'s answer to {path}", self.dialect);
        search(&told, &answer.body, places);
        search_headers(&told, &answer.headers, places);
        answer
    }
}

/// A port on which nobody listens: X11's, of a display that no machine has.
const NOBODY: u16 = 6_999;

/// Who brings no canary gets none, whatever others brought.
fn strangers_see_nothing(running: &Running) {
    let admin = ["/healthz", "/readyz", "/version", "/metrics", "/events", "/nothing"];
    let admin = admin.map(|path| format!("{}{path}", running.shown.admin));
    let gateway = CALLERS.iter().flat_map(|caller| caller.sync);
    let gateway = gateway.map(|path| format!("{}{path}", running.shown.gateway));
    for url in admin.into_iter().chain(gateway) {
        let answer = once(&Request::get(&url).body(String::new()).expect("a request"));
        search(&url, &answer.body, &[]);
        search_headers(&url, &answer.headers, &[]);
    }
}

/// Runs the program and searches all that it says.
fn shell(folder: &Path, words: &[&str], input: &str) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_stayput"))
        .args(words)
        .current_dir(folder)
        .env("STAYPUT_DEV_KEY", KEY)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    // Who needs no input may have ended already.
    let _unread = child.stdin.take().expect("it is piped").write_all(input.as_bytes());
    let output = child.wait_with_output().expect("it ends");
    let told = format!("stayput {}", words.join(" "));
    search(&told, &output.stdout, &[]);
    search(&told, &output.stderr, &[]);
}

/// What the run left on disk, but for the log, which has been searched.
fn search_files(folder: &Path) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            search_files(&path);
        } else if entry.file_name() != "stderr" {
            let is_events = entry.file_name().to_string_lossy().starts_with("events.db");
            let places: &[Place] = if is_events { &[Place::Events] } else { &[] };
            search(&path.display().to_string(), &fs::read(&path).expect("a file"), places);
        }
    }
}

fn search_headers(told: &str, headers: &HeaderMap, places: &[Place]) {
    for (name, value) in headers {
        search(&format!("{told}, {name}"), value.as_bytes(), places);
        // Log tails are base64.
        if let Ok(text) = base64_simd::forgiving_decode_to_vec(value.as_bytes()) {
            search(&format!("{told}, decoded {name}"), &text, places);
        }
    }
}

/// Looks for every canary that belongs in none of `places`.
#[track_caller]
fn search(what: &str, text: &[u8], places: &[Place]) {
    for canary in CANARIES.iter().filter(|canary| !canary.belongs.iter().any(|place| places.contains(place)))
    {
        let found = text.windows(canary.text.len()).position(|window| window == canary.text.as_bytes());
        if let Some(at) = found {
            let around = &text[at.saturating_sub(200)..text.len().min(at + 200)];
            panic!("{what} holds {}:\n{}", canary.text, String::from_utf8_lossy(around));
        }
    }
}

const FUNCTIONS: &str = r#"
[[function]]
lambda = "misbehave"
stedi = "misbehave"
altair = "dev/misbehave"
eywa = "0e000000-0000-5000-8000-000000000001"
openfaas = "misbehave"

[[function]]
lambda = "misbehave"
altair = "dev/bare"
eywa = "0e000000-0000-5000-8000-000000000002"
openfaas = "bare"
payload = "event"
"#;
