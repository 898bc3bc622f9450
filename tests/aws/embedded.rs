//! The embedded service as strict as AWS, and one function in it that is told what to answer.

use std::{fs, net::SocketAddr};

use super::process::Process;

pub(crate) struct Embedded {
    pub(crate) address: SocketAddr,
    _process: Process,
}

impl Embedded {
    /// Its functions ask at `whom` what to answer.
    pub(crate) fn start(whom: SocketAddr) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let code = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/aws/told");
        let functions = ["echo-fn", "slow-fn", "other-fn", "event-fn", "stream-fn"]
            .map(|name| function(name, code, whom));
        fs::write(folder.path().join("template.yaml"), format!("{HEAD}{}", functions.concat()))
            .expect("a file");
        let process = Process::start(folder, "lambda", |program| {
            program.args(["--template", "template.yaml", "--listen", "127.0.0.1:0", "--require-signatures"]);
        });
        Self { address: process.address("lambda"), _process: process }
    }
}

const HEAD: &str = "Transform: AWS::Serverless-2016-10-31\nResources:\n";

fn function(name: &str, code: &str, whom: SocketAddr) -> String {
    let id = name.replace("-fn", "");
    format!(
        "  {id}:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: {name}
      Runtime: provided.al2023
      Handler: bootstrap
      CodeUri: {code}
      Timeout: 30
      Environment: {{ Variables: {{ WHOM: \"{whom}\" }} }}
"
    )
}
