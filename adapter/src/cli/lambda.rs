//! `stayput lambda`

use clap::Args;
use lambda_local::template::Template;
use serde_json::json;

use super::{
    Exit, Failure,
    embedded::Embedding,
    logging,
    options::{BuildOptions, ConfigOptions, OwnLambdaOptions, ServiceOptions, TemplateOptions},
    signals::Signals,
    terminal::{print, print_json},
};
use crate::{config::Config, data_dir::DataDir};

/// Run the embedded Lambda service alone, for AWS SDKs and `cargo lambda invoke`
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  stayput lambda --template template.yaml --listen 127.0.0.1:9000")]
pub(super) struct Lambda {
    #[command(flatten)]
    template: TemplateOptions,
    #[command(flatten)]
    config: ConfigOptions,
    #[command(flatten)]
    lambda: OwnLambdaOptions,
    #[command(flatten)]
    service: ServiceOptions,
    #[command(flatten)]
    build: BuildOptions,
}

impl Lambda {
    pub(super) fn run(self, json: bool) -> Result<Exit, Failure> {
        let config = self.config.load([self.lambda.flags(), self.service.flags()].concat())?;
        let template = self.template.load()?;
        let _level_stays = logging::start(&config.gateway)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(run(&config, template, self.build, json))
    }
}

async fn run(config: &Config, template: Template, build: BuildOptions, json: bool) -> Result<Exit, Failure> {
    let mut signals = Signals::listen()?;
    let embedding = Embedding::prepare(config, "--listen").await?;
    let _data_dir = DataDir::open(&config.gateway.data_dir)?;
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
