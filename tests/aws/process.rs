//! A `stayput` process that says in JSON when it is ready.

use std::{
    fs::File,
    io::{BufRead as _, BufReader},
    process::{Child, ChildStdout, Command, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

/// Killed when dropped.
pub(crate) struct Process {
    child: Child,
    /// Kept open: who prints into a closed pipe dies of it.
    _stdout: BufReader<ChildStdout>,
    /// What it says when it is ready.
    pub(crate) ready: Value,
    _folder: TempDir,
}

impl Process {
    /// Runs in `folder`, with nothing of this machine's AWS configuration.
    ///
    /// # Panics
    /// With what it wrote into its log, where it never gets ready.
    pub(crate) fn start(folder: TempDir, command: &str, set_up: impl FnOnce(&mut Command)) -> Self {
        let log = folder.path().join("log");
        let mut program = Command::new(env!("CARGO_BIN_EXE_stayput"));
        program.args(["--json", command]).current_dir(folder.path());
        program.envs([
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID),
            ("AWS_SECRET_ACCESS_KEY", SECRET),
            ("AWS_REGION", REGION),
        ]);
        program.envs([("AWS_CONFIG_FILE", "none"), ("AWS_SHARED_CREDENTIALS_FILE", "none")]);
        program.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(File::create(&log).expect("a file"));
        set_up(&mut program);
        let mut child = program.spawn().expect("the program starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("text");
        let Ok(ready) = serde_json::from_str(&line) else {
            let _gone = child.kill();
            panic!("{line}\n{}", std::fs::read_to_string(log).unwrap_or_default());
        };
        Self { child, _stdout: stdout, ready, _folder: folder }
    }

    /// Where it answers, as `ready` names it.
    pub(crate) fn address(&self, what: &str) -> std::net::SocketAddr {
        let url = self.ready["urls"][what].as_str().expect("a URL");
        url.strip_prefix("http://").and_then(|address| address.parse().ok()).expect("an address")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _gone_already = self.child.kill();
        let _waited_for = self.child.wait();
    }
}

/// What all of these runs sign with.
pub(crate) const ACCESS_KEY_ID: &str = "AKIDEXAMPLE";
pub(crate) const SECRET: &str = "a secret of these runs";
pub(crate) const REGION: &str = "us-east-1";
