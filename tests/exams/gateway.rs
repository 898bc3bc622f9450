//! The program under examination.

use std::{
    fs, io,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
};

use nix::{
    sched::{CpuSet, sched_setaffinity},
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tempfile::TempDir;

/// `stayput serve`; killed when dropped.
pub(crate) struct Gateway {
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
    child: Child,
    folder: TempDir,
    _stdout: BufReader<ChildStdout>,
}

impl Gateway {
    /// In front of `lambda`, with [`KEYS`] keys and `concurrency` places.
    pub(crate) fn start(lambda: SocketAddr, concurrency: usize) -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        fs::write(folder.path().join("stayput.toml"), rows("first"))?;
        let examples = std::env::current_exe()?;
        let program = examples.parent().and_then(Path::parent).expect("target/release").join("stayput");
        let mut child = Command::new(program)
            .args(["--json", "serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"])
            .current_dir(folder.path())
            .env("STAYPUT_WORKERS", "1")
            .env("STAYPUT_CONCURRENCY", concurrency.to_string())
            .env("AWS_ENDPOINT_URL_LAMBDA", format!("http://{lambda}"))
            .envs([("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"), ("AWS_SECRET_ACCESS_KEY", "secret")])
            .env("AWS_REGION", "us-east-1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(fs::File::create(folder.path().join("log"))?)
            .spawn()?;
        let mut stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut line = String::new();
        stdout.read_line(&mut line)?;
        let ready: serde_json::Value = serde_json::from_str(&line)?;
        let address = |what: &str| {
            let url = ready["urls"][what].as_str().and_then(|url| url.strip_prefix("http://"));
            url.and_then(|address| address.parse().ok()).ok_or_else(|| io::Error::other(line.clone()))
        };
        let (address, admin) = (address("gateway")?, address("admin")?);
        let gateway = Self { address, admin, child, folder, _stdout: stdout };
        // A machine with one core serves all from it.
        let _apart = pin(gateway.pid(), 0).and_then(|()| pin(Pid::from_raw(0), 1));
        Ok(gateway)
    }

    /// Replaces the configuration as editors do, and says so.
    pub(crate) fn reload(&self, label: &str) -> io::Result<()> {
        let (new, file) = (self.folder.path().join("new"), self.folder.path().join("stayput.toml"));
        fs::write(&new, rows(label))?;
        fs::rename(new, file)?;
        self.signal(Signal::SIGHUP)
    }

    pub(crate) fn signal(&self, signal: Signal) -> io::Result<()> {
        Ok(kill(self.pid(), signal)?)
    }

    pub(crate) fn wait(&mut self) -> io::Result<ExitStatus> {
        self.child.wait()
    }

    /// What it has in memory (`VmRSS`).
    pub(crate) fn memory_kib(&self) -> io::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.and_then(|line| line.split_whitespace().next()).and_then(|text| text.parse().ok());
        number.ok_or_else(|| io::Error::other("no VmRSS"))
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).expect("a process id"))
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _gone_already = self.child.kill();
        let _waited_for = self.child.wait();
    }
}

fn pin(process: Pid, core: usize) -> nix::Result<()> {
    let mut cores = CpuSet::new();
    cores.set(core)?;
    sched_setaffinity(process, &cores)
}

fn rows(label: &str) -> String {
    let function = format!("[[function]]\nlambda = \"{label}\"\nopenfaas = [\"{FUNCTION}\", \"{label}\"]\n");
    let keys = (0..KEYS).map(|key| {
        let hash = stayput_core::keys::CredentialHash::of(&stayput_core::Credential::new(secret(key))).0;
        let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        format!(
            "[[key]]\nlabel = \"{key}\"\nsha256 = \"{hash}\"\ndialects = [\"openfaas\"]\nrights = [\"invoke\"]\n"
        )
    });
    function + &keys.collect::<String>()
}

pub(crate) fn secret(key: usize) -> String {
    format!("the-secret-of-key-{key}")
}

/// Keys that call.
pub(crate) const KEYS: usize = 10;

/// What they call.
pub(crate) const FUNCTION: &str = "f";
