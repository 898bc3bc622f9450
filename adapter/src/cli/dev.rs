//! `stayput dev`

use std::{net::IpAddr, path::PathBuf, sync::Arc, time::SystemTime};

use clap::Args;
use lambda_local::{
    Function, LocalLambda, Settings, function::Unavailable, rust_build::BuildMode, template::Template,
};
use serde_json::json;
use stayput_core::{Credential, keys::Right};
use tokio::task::JoinSet;

mod callbacks;
mod own;
mod rebuild;
mod retries;

use own::Own;
use rebuild::{Rebuild, Workshop};

use super::{
    Exit, Failure, curl,
    embedded::{Embedding, shown_url},
    following::{Following, Source},
    function_urls,
    listeners::bind,
    logging::{self, SetLevel},
    options::{BuildOptions, ConfigOptions, GatewayOptions, LambdaOptions, ServiceOptions, TemplateOptions},
    signals::{OnTerminal, Signals, hangups},
    station::Station,
    terminal::{print, print_json, say},
};
use crate::{
    backend::embedded::Embedded,
    config::{Config, DEV_KEY, GATEWAY_KEY, Rows, dev::OwnName},
    data_dir::DataDir,
    deliverer::Executions,
    events::{View, Watch},
    routes::{self, ListedRoute},
    rules::Rules,
    timelines::Timelines,
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
    /// Leave functions as they are when their sources change; otherwise they are built again (with --no-build: replaced
    /// when their programs change) while calls run
    #[arg(long)]
    no_watch: bool,
}

impl Dev {
    pub(super) fn run(self, json: bool) -> Result<Exit, Failure> {
        let flags = [self.gateway.flags(), self.lambda.flags(), self.service.flags()].concat();
        let (config, source) = self.config.load_and_keep(flags)?;
        let template = self.template.load()?;
        let making = Making {
            template: self.template.path().to_owned(),
            mode: self.build.mode(),
            is_watched: !self.no_watch,
        };
        let set_level = logging::start(&config.gateway)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(run(config, source, set_level, template, making, json))
    }
}

/// How functions are made.
struct Making {
    /// The file.
    template: PathBuf,
    mode: BuildMode,
    /// Whether they are made again when their sources change.
    is_watched: bool,
}

async fn run(
    config: Config,
    source: Source,
    set_level: SetLevel,
    mut template: Template,
    making: Making,
    json: bool,
) -> Result<Exit, Failure> {
    let mut signals = Signals::listen()?;
    // Who closes the window means to end what runs in it.
    let hangups = hangups(OnTerminal::Ends)?;
    let gateway_port = bind(config.gateway.listen, "--listen").await?;
    let admin_port = bind(config.gateway.admin_listen, "--admin-listen").await?;
    let embedding = Embedding::prepare(&config, "--lambda-listen").await?;
    // Last, so that a second `dev` in this folder is told of the port, which it can change.
    let data_dir = DataDir::open(&config.gateway.data_dir)?;
    let sealing_keys = sealing::load(
        GATEWAY_KEY.from_environment()?.as_ref(),
        config.gateway.key_file.as_deref(),
        &data_dir,
    )?;
    let secret = match DEV_KEY.from_environment()? {
        Some(secret) => secret,
        None => data_dir.dev_key()?,
    };
    let urls = Urls {
        gateway: shown_url(gateway_port.local_addr()?),
        admin: shown_url(admin_port.local_addr()?),
        lambda: embedding.url().to_owned(),
    };
    let has_rows = config.rows.as_ref().is_some_and(Rows::has_any);
    let own = Own { secret };
    let names: Vec<_> = template.functions.iter().map(OwnName::from).collect();
    let rules = own.rules(config.rows, &names);
    let store = data_dir.events()?;
    retries::keep_to_one_run(&mut template.functions, &rules.table);
    let mut acceptance = callbacks::acceptance(&config.callback, &store, &sealing_keys)?;
    let timelines = Timelines::default();
    let events = callbacks::events(&store, &sealing_keys, timelines.clone());
    let mut station =
        Station::start(&config.gateway, rules, sealing_keys.clone(), admin_port, Some(View::Here(events)))?;
    let metrics = &station.telemetry.metrics;
    let watch = Watch { timelines: timelines.clone(), figures: metrics.events.clone() };
    let embedding = embedding.keeping(store.clone()).executing(data_dir.executions()?);
    let embedding = embedding.deploying_into(data_dir.deployments());
    let embedding = embedding.watched_by(Arc::new(watch)).telling(callbacks::QUEUE_ARN);
    #[cfg(feature = "aws")]
    let embedding = embedding.sending_on(&config.lambda, &config.aws, &[callbacks::QUEUE]).await?;
    let mut deliverer =
        callbacks::deliverer(&config.callback, &store, &sealing_keys, metrics.callbacks.clone(), timelines)?;
    callbacks::tell_of_loopback(&config.callback);
    let workshop = Workshop {
        functions: template.functions.clone(),
        tools: embedding.tools().clone(),
        mode: making.mode,
        template: making.template,
    };
    let started = async {
        let rebuild = if making.is_watched { Rebuild::begin(workshop).await } else { None };
        embedding.start(template, making.mode).await.map(|embedded| (embedded, rebuild))
    };
    let (embedded, rebuild) = tokio::select! {
        started = started => started?,
        () = signals.asked() => return Ok(Exit::Done),
    };
    let shown = Shown::new(urls, &embedded.service.functions(), &station.rules.load(), &own.secret);
    deliverer.executions = Some(Executions {
        ledger: acceptance.ledger.clone(),
        lambda: Arc::new(Embedded(embedded.service.clone())),
    });
    acceptance.destinations = Some(Arc::new(callbacks::Here(embedded.service.clone())));
    station.acceptance = Some(acceptance);
    let (service, mut functions) = (embedded.service.clone(), embedded.service.renamed());
    let there = own_names(&service);
    Own::warn_of_dead_ends(&station.rules.load().table, &there);
    if there.len() > names.len() {
        // The rules know the template's only.
        functions.mark_changed();
    }
    let following = Following {
        source,
        running: config.values,
        has_rows,
        live: Arc::clone(&station.rules),
        metrics: Arc::clone(&station.telemetry.metrics),
        rules: Box::new(move |rows| {
            let names = own_names(&service);
            let rules = own.rules(rows, &names);
            Own::warn_of_dead_ends(&rules.table, &names);
            rules
        }),
        set_level,
        followers: Vec::new(),
        files: Vec::new(),
        functions: Some(functions),
        hangups,
    };
    station.open_here(gateway_port, Arc::new(Embedded(embedded.service.clone())));
    shown.print(json);

    let mut background = JoinSet::new();
    background.spawn(following.run());
    if let Some(rebuild) = rebuild {
        background.spawn(rebuild.run(embedded.service.clone()));
    }
    background.spawn(async move {
        if let Err(error) = deliverer.run(std::future::pending()).await {
            tracing::error!(error = &error as &dyn std::error::Error, "callbacks are no longer delivered");
        }
    });
    let ended = embedded.until_ended(signals.asked()).await;
    background.shutdown().await;
    say("ending; calls that are running have 5 s to finish");
    station.close().await;
    embedded.end().await;
    ended
}

/// The functions that there are.
fn own_names(service: &LocalLambda) -> Vec<OwnName> {
    service.functions().iter().map(|function| OwnName::from(&**function)).collect()
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
    functions: Vec<ShownFunction>,
    curl: Vec<(&'static str, String)>,
    /// Lines that call the URLs that the template speaks of.
    function_urls: Vec<String>,
}

struct ShownFunction {
    name: String,
    /// What to do so that it can run.
    unavailable: Option<String>,
    /// The function URL that the template speaks of.
    url: Option<String>,
}

impl Shown {
    fn new(urls: Urls, functions: &[Arc<Function>], rules: &Rules, secret: &Credential) -> Self {
        let available =
            |name: &str| functions.iter().any(|function| function.name == name && function.program.is_ok());
        let loopback = IpAddr::from([127, 0, 0, 1]);
        let anonymous = |listed: &ListedRoute| {
            let key = rules.keys.anonymous(listed.dialect.name(), loopback, SystemTime::now());
            key.is_some_and(|key| key.may(Right::Invoke) && key.sees(&listed.key))
        };
        let curl = curl::lines(&urls.gateway, secret, &routes::list(&rules.table), available, anonymous);
        let region = Settings::default().region;
        let called =
            functions.iter().filter_map(|function| function_urls::line(&urls.lambda, &region, function));
        let function_urls = called.collect();
        let functions = functions.iter().map(|function| ShownFunction {
            name: function.name.clone(),
            unavailable: function.program.as_ref().err().map(|Unavailable(what)| what.clone()),
            url: function_urls::address(&urls.lambda, function),
        });
        let functions = functions.collect();
        Self { urls, functions, curl, function_urls }
    }

    fn print(&self, json: bool) {
        let Urls { gateway, lambda, admin } = &self.urls;
        if json {
            let functions: Vec<_> = self
                .functions
                .iter()
                .map(|ShownFunction { name, unavailable, url }| {
                    json!({ "name": name, "unavailable": unavailable, "url": url })
                })
                .collect();
            let curl: serde_json::Map<_, _> =
                self.curl.iter().map(|(dialect, line)| ((*dialect).to_owned(), json!(line))).collect();
            let urls = json!({ "gateway": gateway, "lambda": lambda, "admin": admin });
            print_json(&json!({ "ready": true, "urls": urls, "functions": functions, "curl": curl }));
            return;
        }
        print(format_args!("gateway  {gateway}\nlambda   {lambda}\nadmin    {admin}\n\nfunctions"));
        for ShownFunction { name, unavailable, url: _ } in &self.functions {
            let reason =
                unavailable.as_ref().map(|reason| format!("  unavailable ({reason})")).unwrap_or_default();
            print(format_args!("  {name}{reason}"));
        }
        for (dialect, line) in &self.curl {
            print(format_args!("\n# {dialect}\n{line}"));
        }
        if !self.function_urls.is_empty() {
            print("\nfunction URLs");
        }
        for line in &self.function_urls {
            print(format_args!("  {line}"));
        }
        print("\nready; Ctrl-C ends it");
    }
}
