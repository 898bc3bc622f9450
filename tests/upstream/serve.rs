//! `stayput serve` as its operators run it, with HTTPS: certificates come and go under it.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{self, Signal},
    unistd::Pid,
};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    crypto::ring,
    pki_types::{CertificateDer, ServerName},
};
use tempfile::TempDir;

/// The running program; killed when dropped.
struct Serve {
    child: Child,
    address: SocketAddr,
    folder: TempDir,
}

#[test]
fn a_new_certificate_is_used_at_once_and_a_broken_one_never() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = write_pair(folder.path());
    let serve = Serve::start(folder);
    assert!(serve.is_trusted_with(&first), "{}", serve.stderr());

    let second = write_pair(serve.folder.path());
    serve.eventually("the file's change is seen", || serve.is_trusted_with(&second));
    assert!(!serve.is_trusted_with(&first));

    fs::write(serve.folder.path().join("cert.pem"), "broken").expect("a file");
    serve.eventually("it is told", || serve.stderr().contains("cert.pem holds no certificate"));
    assert!(serve.stderr().contains("the old one stays in force"), "{}", serve.stderr());
    assert!(serve.is_trusted_with(&second), "the one before stays");

    let third = write_pair(serve.folder.path());
    serve.eventually("it is whole again", || serve.is_trusted_with(&third));
}

#[test]
fn sighup_reads_certificates_again_and_ends_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = write_pair(folder.path());
    let serve = Serve::start(folder);
    let pid = Pid::from_raw(i32::try_from(serve.child.id()).expect("a process id"));
    signal::kill(pid, Signal::SIGHUP).expect("it runs");
    serve.eventually("it is told", || serve.stderr().contains("the configuration was reloaded"));
    assert!(serve.is_trusted_with(&first));
}

impl Serve {
    fn start(folder: TempDir) -> Self {
        fs::write(folder.path().join("stayput.toml"), CONFIGURATION).expect("a file");
        let stderr = fs::File::create(folder.path().join("stderr")).expect("a file");
        let mut child = Command::new(env!("CARGO_BIN_EXE_stayput"))
            .args(["serve", "--json", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"])
            .args(["--data-dir", "data", "--region", "us-east-1", "--endpoint", "http://127.0.0.1:1"])
            .current_dir(folder.path())
            .envs([("AWS_ACCESS_KEY_ID", "nobody"), ("AWS_SECRET_ACCESS_KEY", "nothing")])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .expect("the program starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("it is piped");
        BufReader::new(stdout).read_line(&mut line).expect("text");
        let address = serde_json::from_str::<serde_json::Value>(&line)
            .ok()
            .and_then(|shown| shown["urls"]["gateway"].as_str()?.split_once("://")?.1.parse().ok());
        let Some(address) = address else {
            let _gone = child.kill();
            panic!(
                "not ready: {line:?}\n{}",
                fs::read_to_string(folder.path().join("stderr")).unwrap_or_default()
            )
        };
        Self { child, address, folder }
    }

    /// Does somebody who trusts nobody else get an answer?
    fn is_trusted_with(&self, certificate: &CertificateDer<'static>) -> bool {
        let mut roots = RootCertStore::empty();
        roots.add(certificate.clone()).expect("a certificate");
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").expect("a name");
        let client = ClientConnection::new(Arc::new(config), name).expect("a client");
        let mut stream = StreamOwned::new(client, TcpStream::connect(self.address).expect("it listens"));
        let asked = stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        let mut answer = [0; 8];
        asked.and_then(|()| stream.read_exact(&mut answer)).is_ok() && &answer == b"HTTP/1.1"
    }

    fn stderr(&self) -> String {
        fs::read_to_string(self.folder.path().join("stderr")).unwrap_or_default()
    }

    #[track_caller]
    fn eventually(&self, what: &str, holds: impl Fn() -> bool) {
        let start = Instant::now();
        while !holds() {
            assert!(start.elapsed() < PATIENCE, "still not: {what}\n{}", self.stderr());
            std::thread::yield_now();
        }
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        let _gone_already = self.child.kill();
        let _waited_for = self.child.wait();
    }
}

/// A certificate for `localhost` and its key.
fn write_pair(folder: &Path) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
    fs::write(folder.join("cert.pem"), made.cert.pem()).expect("a file");
    fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).expect("a file");
    made.cert.der().clone()
}

const CONFIGURATION: &str = "\
[gateway]
tls_cert = \"cert.pem\"
tls_key = \"key.pem\"
[[function]]
lambda = \"f\"
openfaas = \"f\"
";

/// Only waited for when something is wrong.
const PATIENCE: Duration = Duration::from_secs(60);
