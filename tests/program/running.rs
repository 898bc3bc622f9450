//! `stayput dev` as its users run it, on ports of its own.

use std::{
    fs,
    io::{BufRead, BufReader, Read as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{self, Signal},
    unistd::Pid,
};
use tempfile::TempDir;

/// The running program; killed when dropped.
pub(crate) struct Running {
    pub(crate) shown: Shown,
    child: Child,
    /// Kept open: who prints into a closed pipe dies of it.
    stdout: BufReader<ChildStdout>,
    /// In the environment of every process that belongs to this run.
    marker: String,
    folder: TempDir,
}

/// What `dev` prints.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    pub(crate) gateway: String,
    pub(crate) lambda: String,
    pub(crate) admin: String,
    /// Dialect and line to paste.
    pub(crate) curl: Vec<(String, String)>,
    /// All of it.
    pub(crate) printed: String,
}

impl Running {
    /// With the samples of the workspace's own template.
    pub(crate) fn samples() -> Self {
        Self::start(folder(), &root().join("template.yaml"), &[])
    }

    /// With the durable samples.
    pub(crate) fn steps(folder: TempDir) -> Self {
        Self::start(folder, &root().join("samples/steps/template.yaml"), &["--no-watch"])
    }

    /// With the functions of `tests/functions`, marked.
    pub(crate) fn misbehaving() -> Self {
        Self::misbehaving_in(folder(), &[])
    }

    /// The same in a folder that may hold a configuration, with more `words` on the command line.
    pub(crate) fn misbehaving_in(folder: TempDir, words: &[&str]) -> Self {
        let functions = root().join("tests/functions");
        let template = fs::read_to_string(functions.join("template.yaml")).expect("the template");
        let template = template
            .replace("Default: none", &format!("Default: {}", marker(&folder)))
            .replace("CodeUri: misbehave/", &format!("CodeUri: {}", functions.join("misbehave").display()))
            .replace(
                "CodeUri: stock_stream/",
                &format!("CodeUri: {}", functions.join("stock_stream").display()),
            );
        Self::with(folder, &template, words)
    }

    /// With the functions of this `template` in `folder`.
    pub(crate) fn with(folder: TempDir, template: &str, words: &[&str]) -> Self {
        let path = folder.path().join("template.yaml");
        fs::write(&path, template).expect("a template of its own");
        Self::start(folder, &path, words)
    }

    fn start(folder: TempDir, template: &Path, words: &[&str]) -> Self {
        Self::spawn(folder, template, words, &[]).unwrap_or_else(|folder| {
            panic!("not ready:\n{}", fs::read_to_string(folder.path().join("stderr")).unwrap_or_default())
        })
    }

    /// With more variables in its environment. If it ends before it is ready, its folder comes back.
    pub(crate) fn with_variables(
        folder: TempDir,
        template: &str,
        words: &[&str],
        variables: &[(&str, String)],
    ) -> Result<Self, TempDir> {
        let path = folder.path().join("template.yaml");
        fs::write(&path, template).expect("a template of its own");
        Self::spawn(folder, &path, words, variables)
    }

    fn spawn(
        folder: TempDir,
        template: &Path,
        words: &[&str],
        variables: &[(&str, String)],
    ) -> Result<Self, TempDir> {
        let stderr = fs::File::create(folder.path().join("stderr")).expect("a file");
        let mut command = Command::new(program());
        command
            .args(["dev", "--listen", "127.0.0.1:0", "--lambda-listen", "127.0.0.1:0"])
            .args(["--admin-listen", "127.0.0.1:0", "--data-dir", "data", "--template"])
            .arg(template)
            .args(words)
            .current_dir(folder.path())
            .env("STAYPUT_DEV_KEY", KEY)
            .env("STAYPUT_LAMBDA_CONCURRENCY", CONCURRENCY)
            .env(MARKER, marker(&folder))
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(stderr);
        let mut child = command.spawn().expect("the program starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        let Some(shown) = Shown::read(&mut stdout) else {
            let _gone = child.kill();
            let _waited_for = child.wait();
            return Err(folder);
        };
        let marker = marker(&folder);
        Ok(Self { shown, child, stdout, marker, folder })
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.pid()).expect("a process id"));
        signal::kill(pid, signal).expect("it runs");
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A file in the folder in which it runs.
    pub(crate) fn write(&self, file: &str, text: &str) {
        fs::write(self.folder.path().join(file), text).expect("a file");
    }

    /// Its folder, once it was killed: another one may go on there.
    pub(crate) fn kept(mut self) -> TempDir {
        let _gone_already = self.child.kill();
        let _waited_for = self.child.wait();
        std::mem::replace(&mut self.folder, folder())
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.child.wait().expect("it is our child")
    }

    /// Everything that belongs to this run, wherever it has moved: pid and command line.
    pub(crate) fn processes(&self) -> Vec<(i32, String)> {
        let marker = format!("{MARKER}={}", self.marker);
        let pids = fs::read_dir("/proc").expect("Linux").flatten();
        let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
        pids.filter(|pid| {
            let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environment.split(|byte| *byte == 0).any(|variable| variable == marker.as_bytes())
        })
        .map(|pid| (pid, command_line(pid)))
        .collect()
    }

    /// Did the program itself start this one?
    pub(crate) fn is_child(&self, pid: i32) -> bool {
        status_figure(u32::try_from(pid).expect("a process id"), "PPid:") == u64::from(self.pid())
    }

    /// The processes of functions.
    pub(crate) fn functions(&self) -> Vec<i32> {
        let processes = self.processes().into_iter();
        processes.filter(|(_, command)| command.ends_with("/misbehave")).map(|(pid, _)| pid).collect()
    }

    /// The most memory that the program itself ever held, in KiB (`VmHWM`).
    pub(crate) fn peak_memory_kib(&self) -> u64 {
        status_figure(self.pid(), "VmHWM:")
    }

    /// Of what it holds now, the pages of its own program, in KiB (`RssFile`): of a debug build they are many.
    pub(crate) fn program_memory_kib(&self) -> u64 {
        status_figure(self.pid(), "RssFile:")
    }

    /// Everything that was printed, once the program has ended.
    pub(crate) fn stdout(&mut self) -> String {
        let mut printed = self.shown.printed.clone();
        self.stdout.read_to_string(&mut printed).expect("text");
        printed
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn stderr(&self) -> String {
        fs::read_to_string(self.folder.path().join("stderr")).unwrap_or_default()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _gone_already = self.child.kill();
        let _waited_for = self.child.wait();
    }
}

impl Shown {
    /// Up to the line that says `ready`; `None`: it never came.
    fn read(lines: &mut impl BufRead) -> Option<Self> {
        let mut shown = Self::default();
        let mut dialect = None;
        for line in lines.lines() {
            let line = line.expect("text");
            shown.printed.push_str(&line);
            shown.printed.push('\n');
            if line.starts_with("ready") {
                return Some(shown);
            } else if let Some(name) = line.strip_prefix("# ") {
                dialect = Some(name.to_owned());
            } else if let Some(dialect) = dialect.take() {
                shown.curl.push((dialect, line));
            } else if let Some((name, url)) = line.split_once(' ') {
                let url = url.trim().to_owned();
                match name {
                    "gateway" => shown.gateway = url,
                    "lambda" => shown.lambda = url,
                    "admin" => shown.admin = url,
                    _ => {}
                }
            }
        }
        None
    }
}

/// Waits until `holds`.
///
/// # Panics
/// When it does not within `limit`.
#[track_caller]
pub(crate) fn eventually(limit: Duration, what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < limit, "after {limit:?} still not: {what}");
        std::thread::yield_now();
    }
}

/// Examples are not told where it is, but lie beside it.
fn program() -> PathBuf {
    match option_env!("CARGO_BIN_EXE_stayput") {
        Some(path) => path.into(),
        None => {
            let example = std::env::current_exe().expect("a program knows itself");
            example.parent().and_then(Path::parent).expect("target/release").join("stayput")
        }
    }
}

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the adapter lies in the workspace").to_owned()
}

pub(crate) fn command_line(pid: i32) -> String {
    let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&arguments).trim_end_matches('\0').replace('\0', " ")
}

/// One line of `/proc/PID/status`.
pub(crate) fn status_figure(pid: u32, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("Linux tells");
    line.split_whitespace().next().and_then(|figure| figure.parse().ok()).expect("a figure")
}

pub(crate) fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

fn marker(folder: &TempDir) -> String {
    let name = folder.path().file_name().expect("a name").to_string_lossy();
    name.chars().filter(char::is_ascii_alphanumeric).collect()
}

/// The key of these runs.
pub(crate) const KEY: &str = "a-key-for-these-runs-and-for-nothing-else";

/// A thousand calls at once, beside what `fifty` has reserved.
const CONCURRENCY: &str = "1050";

const MARKER: &str = "STAYPUT_TEST_MARKER";
