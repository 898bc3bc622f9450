//! `stayput deliver`

use std::{
    sync::{Arc, OnceLock},
    time::SystemTime,
};

use clap::Args;
use serde::Deserialize;
use serde_json::json;
use stayput_core::{table::Table, token::SealingKeys};
use stayput_runtime::{Context, Error};

use super::{
    Exit, Failure,
    by_lambda::{Basis, is_run_by_lambda},
    callbacks::Callbacks,
    embedded::shown_url,
    listeners::bind,
    logging,
    options::{ConfigOptions, LogOptions, given},
    signals::{Signals, Stop},
    terminal::{print, print_json, say},
};
use crate::{
    admin::{self, Admin, Readiness},
    aws::{Account, SetupError},
    config::{Config, Flag, GATEWAY_KEY},
    deliverer::{Batch, BatchAnswer, Removal},
    ledger::Ledger,
    metrics::{Levels, Metrics},
    tokens::sealing,
};

/// Deliver callbacks: from the queue of destination records on AWS to the callers' URLs
///
/// Needs callback.queue, callback.dead_letters, aws.ledger and the gateway's own key, as the gateway has them. Run by
/// Lambda, it takes batches of the queue's event source mapping, and looks for lost calls at each scheduled event.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  stayput deliver --config stayput.toml --admin-listen 127.0.0.1:9081")]
pub(super) struct Deliver {
    #[command(flatten)]
    config: ConfigOptions,
    /// Health, metrics and version [default: 127.0.0.1:9080]
    #[arg(long, value_name = "ADDRESS")]
    admin_listen: Option<String>,
    /// Region of queues and table [default: as the AWS SDK's rules say]
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
    #[command(flatten)]
    log: LogOptions,
}

/// What a function of the deliverer is invoked with.
#[derive(Deserialize)]
#[serde(untagged)]
enum Event {
    Batch(Batch),
    /// EventBridge's; only that it is one counts.
    Scheduled {
        #[serde(rename = "detail-type")]
        _detail_type: String,
    },
}

impl Deliver {
    pub(super) fn run(self, json: bool) -> Result<Exit, Failure> {
        let own = given([
            ("gateway", "admin_listen", "--admin-listen", self.admin_listen),
            ("aws", "region", "--region", self.region),
        ]);
        let flags = [own, self.log.flags()].concat();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        if is_run_by_lambda() {
            return runtime.block_on(run_by_lambda(&self.config, flags));
        }
        let config = self.config.load(flags)?;
        let given =
            sealing::shared(GATEWAY_KEY.from_environment()?.as_ref(), config.gateway.key_file.as_deref())?;
        let keys = check(&config, given)?;
        let _level_stays = logging::start(&config.gateway)?;
        runtime.block_on(run(&config, keys, json))
    }
}

/// # Errors
/// The settings do not say all that it takes.
fn check(config: &Config, given: Option<SealingKeys>) -> Result<SealingKeys, Failure> {
    let missing =
        |what| Err(Failure::usage(format_args!("{what}, as the gateway that promises callbacks has it")));
    if config.callback.queue.is_none() {
        return missing("set callback.queue and callback.dead_letters");
    }
    if config.aws.ledger.is_none() {
        return missing("set aws.ledger; a gateway without it delivers itself");
    }
    match given {
        Some(keys) => Ok(keys),
        None => missing("set STAYPUT_GATEWAY_KEY or gateway.key_file"),
    }
}

async fn find(
    config: &Config,
    keys: SealingKeys,
    metrics: &Metrics,
) -> Result<(Account, Callbacks), Failure> {
    let account = Account::find(&config.aws).await.map_err(|cause| unreachable(&cause))?;
    let callbacks = callbacks(config, keys, metrics, &account).await?;
    Ok((account, callbacks))
}

async fn callbacks(
    config: &Config,
    keys: SealingKeys,
    metrics: &Metrics,
    account: &Account,
) -> Result<Callbacks, Failure> {
    let found = async {
        let table = account.table(config.aws.ledger.as_deref().unwrap_or_default()).await?;
        let ledger = Ledger::new(Arc::new(table));
        let callbacks =
            Callbacks::find(account, &config.callback, ledger, keys, metrics.callbacks.clone()).await?;
        Ok(callbacks.expect("the settings name a queue"))
    };
    found.await.map_err(|cause: SetupError| unreachable(&cause))
}

fn unreachable(cause: &SetupError) -> Failure {
    Failure::unreachable("queues and table cannot be reached").because(cause)
}

async fn run(config: &Config, keys: SealingKeys, json: bool) -> Result<Exit, Failure> {
    let mut signals = Signals::listen()?;
    let admin_port = bind(config.gateway.admin_listen, "--admin-listen").await?;
    let url = shown_url(admin_port.local_addr()?);
    let metrics = Arc::new(Metrics::new(&Table::default()));
    let (stop, readiness, events) = (Stop::default(), Readiness::default(), Arc::<OnceLock<_>>::default());
    let admin = Admin {
        metrics: Arc::clone(&metrics),
        levels: Box::new(Levels::default),
        readiness: readiness.clone(),
        events: Arc::clone(&events),
    };
    let admin = tokio::spawn(admin::serve(admin, admin_port, stop.seen()));
    let (account, callbacks) = tokio::select! {
        found = find(config, keys, &metrics) => found?,
        () = signals.asked() => return Ok(Exit::Done),
    };
    let _first = events.set(callbacks.view());
    readiness.set(true);
    if json {
        print_json(&json!({ "ready": true, "urls": { "admin": url } }));
    } else {
        print(format_args!("admin    {url}\n\nready; SIGTERM ends it"));
    }
    let upkeep = account.upkeep();
    let asked = async {
        signals.asked().await;
        readiness.set(false);
        say("ending; posts that are under way are finished");
    };
    tokio::select! {
        () = callbacks.keep(asked) => {}
        () = upkeep => {}
    }
    stop.now();
    let _ended = admin.await;
    Ok(Exit::Done)
}

async fn run_by_lambda(options: &ConfigOptions, flags: Vec<Flag>) -> Result<Exit, Failure> {
    let Basis { config, account, keys } = Basis::find(options, flags).await?;
    let keys = check(&config, keys)?;
    let _level_stays = logging::start(&config.gateway)?;
    let metrics = Metrics::new(&Table::default());
    let callbacks = callbacks(&config, keys, &metrics, &account).await?;
    let (deliverer, sweeper) = (Arc::new(callbacks.deliverer(Removal::Lambdas)), callbacks.sweeper());
    let handler = async |event: Event, _: Context| -> Result<BatchAnswer, Error> {
        match event {
            Event::Batch(batch) => Ok(deliverer.deliver_batch(batch).await),
            Event::Scheduled { .. } => {
                sweeper.sweep(SystemTime::now()).await?;
                Ok(BatchAnswer::default())
            }
        }
    };
    tokio::select! {
        served = stayput_runtime::serve_event(handler) => {
            served.map_err(|cause| Failure::unreachable("Lambda cannot be talked to").because(&cause))?;
        }
        () = account.upkeep() => {}
    }
    Ok(Exit::Done)
}
