//! `stayput dev`

use std::{collections::BTreeSet, net::IpAddr, sync::Arc, time::SystemTime};

use clap::Args;
use lambda_local::{Function, function::Unavailable, template::Template};
use serde_json::json;
use stayput_core::{
    Credential, DIALECTS,
    keys::{Keyring, Right},
    limits::Limits,
    table::Table,
    token::Tokens,
};
use tokio::{net::TcpListener, task::JoinSet};

use super::{
    Exit, Failure, curl,
    embedded::{Embedding, shown_url},
    listeners::bind,
    logging,
    options::{BuildOptions, ConfigOptions, GatewayOptions, LambdaOptions, ServiceOptions, TemplateOptions},
    signals::{Signals, Stop},
    terminal::{print, print_json, say},
};
use crate::{
    access_log::AccessLog,
    admin::{self, Admin, Readiness},
    backend,
    buffer::BufferBudget,
    config::{Config, Rows, dev, dev_key_from_environment, gateway_keys_from_environment, key},
    data_dir::DataDir,
    gateway::Gateway,
    metrics::{Levels, Metrics},
    routes::{self, ListedRoute},
    server,
    telemetry::Telemetry,
    tokens::sealing,
};

/// Run everything on this machine: the gateway, Lambda and the template's functions
///
/// Without a configuration file every function answers in every dialect under its own name, and a key is made on
/// the first start and kept in the data directory; STAYPUT_DEV_KEY sets another.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  stayput dev --template template.yaml --listen 127.0.0.1:8080")]
pub(super) struct Dev {
    #[command(flatten)]
    template: TemplateOptions,
    #[command(flatten)]
    config: ConfigOptions,
    #[command(flatten)]
    gateway: GatewayOptions,
    #[command(flatten)]
    lambda: LambdaOptions,
    #[command(flatten)]
    service: ServiceOptions,
    #[command(flatten)]
    build: BuildOptions,
}

impl Dev {
    pub(super) fn run(self, json: bool) -> Result<Exit, Failure> {
        let flags = [self.gateway.flags(), self.lambda.flags(), self.service.flags()].concat();
        let config = self.config.load(flags)?;
        let template = self.template.load()?;
        logging::start(&config.gateway)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(run(config, template, self.build, json))
    }
}

async fn run(config: Config, template: Template, build: BuildOptions, json: bool) -> Result<Exit, Failure> {
    let mut signals = Signals::listen()?;
    let gateway_port = bind(config.gateway.listen, "--listen").await?;
    let admin_port = bind(config.gateway.admin_listen, "--admin-listen").await?;
    let embedding = Embedding::prepare(&config, "--lambda-listen").await?;
    // Last, so that a second `dev` in this folder is told of the port, which it can change.
    let data_dir = DataDir::open(&config.gateway.data_dir)?;
    let sealing_keys = sealing::load(
        gateway_keys_from_environment().as_ref(),
        config.gateway.key_file.as_deref(),
        &data_dir,
    )?;
    let secret = dev_key_from_environment().map_or_else(|| data_dir.dev_key(), Ok)?;
    let urls = Urls {
        gateway: shown_url(gateway_port.local_addr()?),
        admin: shown_url(admin_port.local_addr()?),
        lambda: embedding.url().to_owned(),
    };
    let (table, keys) = rows(config.rows, &template, &secret);
    warn_of_dead_ends(&table, &template);
    let telemetry = Telemetry {
        metrics: Arc::new(Metrics::new(&table)),
        log: Arc::new(AccessLog::start(config.gateway.log_format, std::io::stderr())?),
    };
    let buffers = BufferBudget::new(config.gateway.buffered_bytes);
    let readiness = Readiness::default();
    let stop = Stop::default();
    let mut servers = JoinSet::new();
    servers.spawn(serve_admin(admin_port, &telemetry, &buffers, &readiness, &stop));

    let embedded = tokio::select! {
        started = embedding.start(template, build.mode()) => started?,
        () = signals.asked() => return Ok(Exit::Done),
    };
    let shown = Shown::new(urls, embedded.service.functions(), &table, &keys, &secret);
    let gateway = Arc::new(Gateway {
        dialects: DIALECTS,
        keys: Arc::new(keys),
        table: Arc::new(table),
        backend: Arc::new(backend::embedded::Embedded(embedded.service.clone())),
        buffers,
        limits: Limits::new(config.gateway.concurrency),
        tokens: Some(Tokens::new(sealing_keys)),
        telemetry,
    });
    servers.spawn(serve_gateway(gateway_port, gateway, &stop));
    readiness.set(true);
    shown.print(json);

    let ended = embedded.until_ended(signals.asked()).await;
    say("ending; calls that are running have 5 s to finish");
    readiness.set(false);
    stop.now();
    while servers.join_next().await.is_some() {}
    embedded.end().await;
    ended
}

/// What the file says and the dev key; without a file, everything for everyone who runs `dev`. A file that names keys
/// only leaves the functions their own names.
fn rows(rows: Option<Rows>, template: &Template, secret: &Credential) -> (Table, Keyring) {
    let functions = template.functions.iter().map(|function| (function.name.as_str(), function.timeout));
    match rows {
        Some(Rows { table, mut keys }) => {
            keys.push(dev::own_key(secret));
            let table = if table.is_empty() { dev::own_names(functions) } else { table };
            (table, key::keyring(&keys))
        }
        None => (dev::own_names(functions), key::keyring(&[dev::own_key(secret), dev::anonymous()])),
    }
}

/// Names that lead nowhere are no mistake, as the same file serves production, but here nobody will be answered.
fn warn_of_dead_ends(table: &Table, template: &Template) {
    if table.is_empty() {
        say(
            "warning: no function has a name that callers could use; add [[function]] rows to the configuration",
        );
    }
    let missing = |lambda: &str| template.functions.iter().all(|function| function.name != lambda);
    let names: BTreeSet<_> = table.rows().map(|(_, _, row)| row.lambda.name.as_str()).collect();
    for name in names.into_iter().filter(|name| missing(name)) {
        say(format_args!("warning: the template has no function {name:?}, which the configuration names"));
    }
}

fn serve_admin(
    port: TcpListener,
    telemetry: &Telemetry,
    buffers: &BufferBudget,
    readiness: &Readiness,
    stop: &Stop,
) -> impl Future<Output = ()> + Send + use<> {
    let (log, buffers) = (Arc::clone(&telemetry.log), buffers.clone());
    let levels =
        move || Levels { buffered_bytes: buffers.used_bytes(), dropped_log_lines: log.dropped_lines() };
    let metrics = Arc::clone(&telemetry.metrics);
    let admin = Admin { metrics, levels: Box::new(levels), readiness: readiness.clone() };
    admin::serve(admin, port, stop.seen())
}

fn serve_gateway(
    port: TcpListener,
    gateway: Arc<Gateway>,
    stop: &Stop,
) -> impl Future<Output = ()> + Send + use<> {
    server::serve(port, stop.seen(), move |request, peer| {
        let gateway = Arc::clone(&gateway);
        async move { gateway.serve(request, peer).await }
    })
}

/// Where to find what.
struct Urls {
    gateway: String,
    lambda: String,
    admin: String,
}

/// What is printed once everything stands.
struct Shown {
    urls: Urls,
    /// Name, and what to do so that it can run.
    functions: Vec<(String, Option<String>)>,
    curl: Vec<(&'static str, String)>,
}

impl Shown {
    fn new(
        urls: Urls,
        functions: &[Arc<Function>],
        table: &Table,
        keys: &Keyring,
        secret: &Credential,
    ) -> Self {
        let available =
            |name: &str| functions.iter().any(|function| function.name == name && function.program.is_ok());
        let loopback = IpAddr::from([127, 0, 0, 1]);
        let anonymous = |listed: &ListedRoute| {
            let key = keys.anonymous(listed.dialect.name(), loopback, SystemTime::now());
            key.is_some_and(|key| key.may(Right::Invoke) && key.sees(&listed.key))
        };
        let curl = curl::lines(&urls.gateway, secret, &routes::list(table), available, anonymous);
        let functions = functions.iter().map(|function| {
            let reason = function.program.as_ref().err().map(|Unavailable(what)| what.clone());
            (function.name.clone(), reason)
        });
        let functions = functions.collect();
        Self { urls, functions, curl }
    }

    fn print(&self, json: bool) {
        let Urls { gateway, lambda, admin } = &self.urls;
        if json {
            let functions: Vec<_> = self
                .functions
                .iter()
                .map(|(name, unavailable)| json!({ "name": name, "unavailable": unavailable }))
                .collect();
            let curl: serde_json::Map<_, _> =
                self.curl.iter().map(|(dialect, line)| ((*dialect).to_owned(), json!(line))).collect();
            let urls = json!({ "gateway": gateway, "lambda": lambda, "admin": admin });
            print_json(&json!({ "ready": true, "urls": urls, "functions": functions, "curl": curl }));
            return;
        }
        print(format_args!("gateway  {gateway}\nlambda   {lambda}\nadmin    {admin}\n\nfunctions"));
        for (name, unavailable) in &self.functions {
            let reason =
                unavailable.as_ref().map(|reason| format!("  unavailable ({reason})")).unwrap_or_default();
            print(format_args!("  {name}{reason}"));
        }
        for (dialect, line) in &self.curl {
            print(format_args!("\n# {dialect}\n{line}"));
        }
        print("\nready; Ctrl-C ends it");
    }
}
