//! `stayput lambda`

use clap::Args;
use lambda_local::{Signatures, template::Template};
use serde_json::json;

use super::{
    Exit, Failure,
    embedded::Embedding,
    logging,
    options::{BuildOptions, ConfigOptions, OwnLambdaOptions, ServiceOptions, TemplateOptions},
    signals::Signals,
    terminal::{print, print_json},
};
use crate::{
    config::{self, Config},
    data_dir::DataDir,
};

/// Run the embedded Lambda service alone, for AWS SDKs, `cargo lambda` and whatever else deploys and invokes functions
///
/// Its functions are those of the template, if there is one, and those that calls deploy; these are kept in the data directory.
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  stayput lambda --listen 127.0.0.1:9000\n  cargo lambda deploy --endpoint-url http://127.0.0.1:9000 --role arn:aws:iam::000000000000:role/x"
)]
pub(super) struct Lambda {
    #[command(flatten)]
    template: TemplateOptions,
    #[command(flatten)]
    config: ConfigOptions,
    #[command(flatten)]
    lambda: OwnLambdaOptions,
    /// Answer only what is signed with the access key in AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, if set,
    /// AWS_SESSION_TOKEN
    #[arg(long)]
    require_signatures: bool,
    #[command(flatten)]
    service: ServiceOptions,
    #[command(flatten)]
    build: BuildOptions,
}

impl Lambda {
    pub(super) fn run(self, json: bool) -> Result<Exit, Failure> {
        let signatures = signatures(self.require_signatures)?;
        let config = self.config.load([self.lambda.flags(), self.service.flags()].concat())?;
        let template = self.template.load_if_there()?;
        let _level_stays = logging::start(&config.gateway)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(run(&config, signatures, template, self.build, json))
    }
}

fn signatures(required: bool) -> Result<Signatures, Failure> {
    if !required {
        return Ok(Signatures::Ignored);
    }
    let credentials = config::aws_credentials_from_environment();
    credentials.map(Signatures::Required).map_err(|why| {
        Failure::usage(format_args!(
            "--require-signatures: {why}; set the access key with which callers will sign"
        ))
    })
}

async fn run(
    config: &Config,
    signatures: Signatures,
    template: Template,
    build: BuildOptions,
    json: bool,
) -> Result<Exit, Failure> {
    let mut signals = Signals::listen()?;
    let embedding = Embedding::prepare(config, "--listen").await?.asking_for(signatures);
    let data_dir = DataDir::open(&config.gateway.data_dir)?;
    let embedding = embedding
        .keeping(data_dir.events()?)
        .executing(data_dir.executions()?)
        .deploying_into(data_dir.deployments());
    #[cfg(feature = "aws")]
    let embedding = embedding.sending_on(&config.lambda, &config.aws, &[]).await?;
    let url = embedding.url().to_owned();
    let embedded = tokio::select! {
        started = embedding.start(template, build.mode()) => started?,
        () = signals.asked() => return Ok(Exit::Done),
    };
    if json {
        print_json(&json!({ "ready": true, "urls": { "lambda": url } }));
    } else {
        print(format_args!("lambda   {url}\n\nready; Ctrl-C ends it"));
    }
    let ended = embedded.until_ended(signals.asked()).await;
    embedded.end().await;
    ended
}
