//! The gateway as a function in the embedded service, behind its function URL; and the deliverer as one beside it.

use std::{fs, net::SocketAddr, os::unix::fs::symlink, path::Path};

use lambda_local::url::url_id;

use super::{configuration::configuration, process::Process, services::Services};

/// A `stayput lambda` with nothing in it but `stayput` itself.
pub(crate) struct GatewayFunction {
    /// Where the service listens.
    pub(crate) address: SocketAddr,
    _process: Process,
}

impl GatewayFunction {
    /// The gateway calls `lambda` with `client`, and remembers with `services`.
    pub(crate) fn start(client: &str, lambda: SocketAddr, services: &Services) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        lay_out(folder.path(), client, lambda, services).expect("files");
        let process = Process::start(folder, "lambda", |program| {
            program.args(["--template", "template.yaml", "--listen", "127.0.0.1:0"]);
        });
        Self { address: process.address("lambda"), _process: process }
    }
}

/// The host of its URL, as AWS has hosts.
pub(crate) fn host(function: &str) -> String {
    format!("{}.lambda-url.us-east-1.on.aws", url_id(function))
}

/// The function whose calls reach the Lambda that is told what to say, and the one whose calls reach nobody.
pub(crate) const GATEWAY: &str = "gateway";
pub(crate) const IN_FRONT_OF_NOBODY: &str = "gateway-in-front-of-nobody";
pub(crate) const DELIVERER: &str = "deliverer";

fn lay_out(folder: &Path, client: &str, lambda: SocketAddr, services: &Services) -> std::io::Result<()> {
    let code = folder.join("code");
    fs::create_dir(&code)?;
    symlink(env!("CARGO_BIN_EXE_stayput"), code.join("bootstrap"))?;
    fs::write(code.join("stayput.toml"), configuration())?;
    let lambda = format!("http://{lambda}");
    let functions = [
        (GATEWAY, "serve", lambda.as_str()),
        (IN_FRONT_OF_NOBODY, "serve", super::NOBODY),
        (DELIVERER, "deliver", &lambda),
    ]
    .map(|(name, handler, lambda)| function(name, handler, client, lambda, services));
    fs::write(folder.join("template.yaml"), format!("{HEAD}{}", functions.concat()))
}

const HEAD: &str = "Transform: AWS::Serverless-2016-10-31\nResources:\n";

fn function(name: &str, handler: &str, client: &str, lambda: &str, services: &Services) -> String {
    let id = name.replace('-', "");
    let Services { address, .. } = services;
    let [queue, dead_letters] = services.queues();
    // A key's rate counts in each environment on its own: one has them all.
    let places = if handler == "serve" { "ReservedConcurrentExecutions: 1" } else { "" };
    format!(
        "  {id}:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: {name}
      Runtime: provided.al2023
      Handler: {handler}
      CodeUri: code
      Timeout: 60
      {places}
      FunctionUrlConfig: {{ AuthType: NONE, InvokeMode: RESPONSE_STREAM }}
      Environment:
        Variables:
          AWS_ENDPOINT_URL_LAMBDA: \"{lambda}\"
          AWS_ENDPOINT_URL_DYNAMODB: \"http://{address}\"
          STAYPUT_AWS_CLIENT: {client}
          STAYPUT_AWS_LEDGER: ledger
          STAYPUT_GATEWAY_KEY: \"{KEY}\"
          STAYPUT_CALLBACK_QUEUE: \"{queue}\"
          STAYPUT_CALLBACK_DEAD_LETTERS: \"{dead_letters}\"
          STAYPUT_CALLBACK_ALLOW_ADDRESSES: 127.0.0.0/8
"
    )
}

/// The gateway's own.
const KEY: &str = "0707070707070707070707070707070707070707070707070707070707070707";
