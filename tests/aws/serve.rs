//! `stayput serve` with the table and the keys of the conversations.

use std::{fs, net::SocketAddr, path::Path};

use super::{configuration::configuration, process::Process};

/// The two ways to AWS.
pub(crate) const CLIENTS: [&str; 2] = ["lean", "sdk"];

pub(crate) struct Serving {
    pub(crate) address: SocketAddr,
    _process: Process,
}

impl Serving {
    /// `trusted`: a PEM file instead of the certificates that the system trusts.
    pub(crate) fn start(client: &str, endpoint: &str, trusted: Option<&Path>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("stayput.toml"), configuration()).expect("a file");
        let process = Process::start(folder, "serve", |program| {
            program.args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
            program.env("STAYPUT_AWS_CLIENT", client).env("AWS_ENDPOINT_URL_LAMBDA", endpoint);
            if let Some(trusted) = trusted {
                program.env("SSL_CERT_FILE", trusted);
            }
        });
        Self { address: process.address("gateway"), _process: process }
    }
}
