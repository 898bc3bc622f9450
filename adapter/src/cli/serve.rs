//! `stayput serve`

use std::{num::NonZeroUsize, sync::Arc};

use clap::Args;
use serde_json::json;
use stayput_core::admission::Asynchronous;

use super::{
    Exit, Failure,
    embedded::shown_url,
    following::{Following, Source},
    listeners::{self, bind},
    logging::{self, SetLevel},
    options::{AwsOptions, ConfigOptions, GatewayOptions, ServiceOptions},
    signals::{OnTerminal, Signals, hangups},
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
/// SDK finds them.
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
        let (mut config, source) = self.config.load_and_keep(flags)?;
        let rules = config.rows.take().map(rules_of);
        let rules = rules.filter(|rules| !rules.table.is_empty());
        let Some(rules) = rules else {
            return Err(Failure::usage(
                "there is no function to serve; write [[function]] and [[key]] rows into stayput.toml",
            ));
        };
        let set_level = logging::start(&config.gateway)?;
        // The workers have runtimes of their own; this one serves the admin listener and waits for signals.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
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
    let sealing_keys = sealing::load(
        GATEWAY_KEY.from_environment()?.as_ref(),
        config.gateway.key_file.as_deref(),
        &data_dir,
    )?;
    let acceptance = Acceptance {
        rules: Asynchronous { callbacks: None, ..Asynchronous::default() },
        keys: sealing_keys.clone(),
        ledger: Ledger::new(Arc::new(StoredTable::new(data_dir.events()?)?)),
        patience: None,
    };
    let mut station = Station::start(&config.gateway, rules, sealing_keys, admin_port, None)?;
    station.acceptance = Some(acceptance);
    let found = async {
        let account = Account::find(&config.aws).await?;
        let lambda = account.lambda().await?;
        Ok((account, lambda))
    };
    let (account, (backend, endpoint)) = tokio::select! {
        found = found => found.map_err(|cause: SetupError| Failure::unreachable("Lambda cannot be called").because(&cause))?,
        () = signals.asked() => return Ok(Exit::Done),
    };
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
        hangups,
    };
    let port = match &certificates {
        Some(certificates) => port.encrypted(certificates),
        None => port,
    };
    station.open(port, backend);
    show(&urls, &endpoint, json);
    tokio::select! {
        ((), ()) = async { tokio::join!(following.run(), account.upkeep()) } => {}
        () = signals.asked() => {}
    }
    say(format_args!("ending; calls that are running have {:?} to finish", config.gateway.drain));
    station.close().await;
    Ok(Exit::Done)
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
