//! `stayput serve`

use std::{num::NonZeroUsize, sync::Arc};

use clap::Args;
use serde_json::json;
use stayput_core::admission::Asynchronous;
use tokio::task::JoinSet;

mod function;

use super::{
    Exit, Failure,
    by_lambda::is_run_by_lambda,
    callbacks::Callbacks,
    embedded::shown_url,
    following::{Following, Source},
    listeners::{self, bind},
    logging::{self, SetLevel},
    options::{AwsOptions, ConfigOptions, GatewayOptions, ServiceOptions},
    signals::{OnTerminal, Signals, Stop, hangups},
    station::Station,
    terminal::{print, print_json, say},
};
use crate::{
    acceptance::Acceptance,
    aws::{Account, SetupError},
    config::{Config, GATEWAY_KEY, Rows},
    data_dir::DataDir,
    front::{Certificates, Listening},
    ledger::{Ledger, StoredTable},
    reload::Follower,
    rules::Rules,
    tokens::sealing,
};

/// Stand in front of AWS Lambda: the gateway alone, for production
///
/// Functions and keys are those of the configuration file. Region, credentials and endpoint are found as every AWS
/// SDK finds them. Run by Lambda, as a function whose handler is `serve`, it answers what comes to the function's URL.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  stayput serve --config stayput.toml --listen 0.0.0.0:8080")]
pub(super) struct Serve {
    #[command(flatten)]
    config: ConfigOptions,
    #[command(flatten)]
    gateway: GatewayOptions,
    #[command(flatten)]
    aws: AwsOptions,
    #[command(flatten)]
    service: ServiceOptions,
}

impl Serve {
    pub(super) fn run(self, json: bool) -> Result<Exit, Failure> {
        let flags = [self.gateway.flags(), self.aws.flags(), self.service.flags()].concat();
        // The workers have runtimes of their own; this one serves the admin listener and waits for signals.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        if is_run_by_lambda() {
            return runtime.block_on(function::run(&self.config, flags));
        }
        let (mut config, source) = self.config.load_and_keep(flags)?;
        let rules = take_rules(&mut config)?;
        let set_level = logging::start(&config.gateway)?;
        runtime.block_on(run(config, rules, source, set_level, json))
    }
}

async fn run(
    config: Config,
    rules: Rules,
    source: Source,
    set_level: SetLevel,
    json: bool,
) -> Result<Exit, Failure> {
    listeners::allow_many_files();
    let mut signals = Signals::listen()?;
    // Callers depend on it: what was started by hand reloads as any other, and outlives its terminal.
    let hangups = hangups(OnTerminal::Reloads)?;
    let workers = config.gateway.workers.or_else(|| std::thread::available_parallelism().ok());
    let workers = workers.unwrap_or(NonZeroUsize::MIN);
    let listen = config.gateway.listen;
    let port =
        Listening::bind(listen, workers).map_err(|cause| listeners::failure(listen, "--listen", &cause))?;
    let certificates = certificates(&config)?;
    let admin_port = bind(config.gateway.admin_listen, "--admin-listen").await?;
    let urls = (shown_url(port.local_addr()), shown_url(admin_port.local_addr()?));
    let data_dir = DataDir::open(&config.gateway.data_dir)?;
    let given_key = GATEWAY_KEY.from_environment()?;
    let is_kept_elsewhere = config.callback.queue.is_some() && config.aws.ledger.is_some();
    if is_kept_elsewhere && given_key.is_none() && config.gateway.key_file.is_none() {
        return Err(Failure::usage(NO_SHARED_KEY));
    }
    let sealing_keys = sealing::load(given_key.as_ref(), config.gateway.key_file.as_deref(), &data_dir)?;
    let mut station = Station::start(&config.gateway, rules, sealing_keys.clone(), admin_port, None)?;
    let found = async {
        let account = Account::find(&config.aws).await.map_err(|cause| unreachable(&cause))?;
        let lambda = account.lambda().await.map_err(|cause| unreachable(&cause))?;
        let ledger = match &config.aws.ledger {
            Some(table) => {
                Ledger::new(Arc::new(account.table(table).await.map_err(|cause| unreachable(&cause))?))
            }
            None => Ledger::new(Arc::new(StoredTable::new(data_dir.events()?)?)),
        };
        Ok::<_, Failure>((account, lambda, ledger))
    };
    let (account, (backend, endpoint), ledger) = tokio::select! {
        found = found => found?,
        () = signals.asked() => return Ok(Exit::Done),
    };
    let figures = station.telemetry.metrics.callbacks.clone();
    let callbacks =
        Callbacks::find(&account, &config.callback, ledger.clone(), sealing_keys.clone(), figures).await;
    let callbacks = callbacks.map_err(|cause| unreachable(&cause))?;
    let destinations = match &callbacks {
        Some(callbacks) => Some(callbacks.destinations(&account).await.map_err(|cause| unreachable(&cause))?),
        None => None,
    };
    station.acceptance = Some(Acceptance {
        rules: match &callbacks {
            Some(_) => config.callback.rules(config.callback.policy()),
            None => Asynchronous { callbacks: None, ..Asynchronous::default() },
        },
        keys: sealing_keys,
        ledger,
        patience: Some(config.callback.outcome_after),
        destinations,
    });
    if let Some(callbacks) = &callbacks {
        let _first = station.events.set(callbacks.view());
    }
    // Nobody else can read the memory of this machine.
    let callbacks = callbacks.filter(|_| config.aws.ledger.is_none());
    let following = Following {
        source,
        running: config.values,
        has_rows: true,
        live: Arc::clone(&station.rules),
        metrics: Arc::clone(&station.telemetry.metrics),
        rules: Box::new(|rows| rows.map(rules_of).unwrap_or_default()),
        set_level,
        followers: certificates.iter().map(renewal).collect(),
        files: certificates.iter().flat_map(|certificates| certificates.files()).map(Into::into).collect(),
        functions: None,
        hangups,
    };
    let port = match &certificates {
        Some(certificates) => port.encrypted(certificates),
        None => port,
    };
    station.open(port, backend);
    show(&urls, &endpoint, json);
    let (stop, mut delivering) = (Stop::default(), JoinSet::new());
    if let Some(callbacks) = callbacks {
        delivering.spawn(callbacks.keep(stop.seen()));
    }
    tokio::select! {
        ((), ()) = async { tokio::join!(following.run(), account.upkeep()) } => {}
        () = signals.asked() => {}
    }
    stop.now();
    say(format_args!("ending; calls that are running have {:?} to finish", config.gateway.drain));
    station.close().await;
    delivering.join_all().await;
    Ok(Exit::Done)
}

fn unreachable(cause: &SetupError) -> Failure {
    Failure::unreachable("AWS cannot be reached").because(cause)
}

fn certificates(config: &Config) -> Result<Option<Arc<Certificates>>, Failure> {
    let Some(files) = config.gateway.tls() else { return Ok(None) };
    let certificates = Certificates::load(&files.certificate, &files.key);
    certificates
        .map(Some)
        .map_err(|cause| Failure::usage("callers cannot be answered over HTTPS").because(&cause))
}

/// What is in the files that it was loaded from: other files are a change for the next start.
fn renewal(certificates: &Arc<Certificates>) -> Follower {
    let certificates = Arc::clone(certificates);
    Box::new(move |_| Ok(Box::new(certificates.read_again()?)))
}

/// # Errors
/// There is nothing that could be called.
fn take_rules(config: &mut Config) -> Result<Rules, Failure> {
    let rules = config.rows.take().map(rules_of).filter(|rules| !rules.table.is_empty());
    rules.ok_or_else(|| {
        Failure::usage("there is no function to serve; write [[function]] and [[key]] rows into stayput.toml")
    })
}

fn rules_of(rows: Rows) -> Rules {
    Rules { keys: rows.keyring(), table: rows.table }
}

fn show((gateway, admin): &(String, String), lambda: &str, json: bool) {
    if json {
        let urls = json!({ "gateway": gateway, "admin": admin, "lambda": lambda });
        print_json(&json!({ "ready": true, "urls": urls }));
    } else {
        print(format_args!(
            "gateway  {gateway}\nadmin    {admin}\nlambda   {lambda}\n\nready; SIGTERM ends it"
        ));
    }
}

const NO_SHARED_KEY: &str = "with aws.ledger, callbacks are delivered by `stayput deliver`, which needs the gateway's own key; set STAYPUT_GATEWAY_KEY or gateway.key_file for both";
