//! `stayput routes`

use clap::Args;
use serde::Serialize;
use stayput_core::{Mode, table::Table};

use super::{
    Exit, Failure,
    embedded::shown_url,
    options::{ConfigOptions, GatewayOptions, TemplateOptions},
    terminal::{print_json, print_table},
};
use crate::{
    config::dev::{self, OwnName},
    routes::{self, ListedRoute},
};

/// List every URL that is answered, and where it leads
///
/// Says what `stayput dev` answers with the same options; nothing needs to run.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  stayput routes --template template.yaml")]
pub(super) struct Routes {
    #[command(flatten)]
    template: TemplateOptions,
    #[command(flatten)]
    config: ConfigOptions,
    #[command(flatten)]
    gateway: GatewayOptions,
}

impl Routes {
    pub(super) fn run(self, json: bool) -> Result<Exit, Failure> {
        let config = self.config.load(self.gateway.flags())?;
        let table = match config.rows.filter(|rows| !rows.table.is_empty()) {
            Some(rows) => rows.table,
            None => own_names(&self.template)?,
        };
        let base = shown_url(config.gateway.listen);
        let lines: Vec<_> = routes::list(&table).iter().map(|listed| Line::new(&base, listed)).collect();
        if json {
            print_json(&lines);
        } else {
            let rows: Vec<_> = lines.into_iter().map(Line::cells).collect();
            print_table(["FUNCTION", "DIALECT", "MODE", "URL", "METHODS"], &rows);
        }
        Ok(Exit::Done)
    }
}

fn own_names(options: &TemplateOptions) -> Result<Table, Failure> {
    let template = options.load()?;
    Ok(dev::own_names(template.functions.iter().map(OwnName::from)))
}

/// One URL, for people and programs.
#[derive(Debug, Serialize)]
struct Line {
    /// The Lambda function, with its qualifier.
    function: String,
    dialect: &'static str,
    mode: &'static str,
    /// `…` where further path levels may follow.
    url: String,
    methods: Vec<&'static str>,
}

impl Line {
    fn new(base: &str, listed: &ListedRoute) -> Self {
        let path = &listed.route.path;
        let more = match (listed.route.deeper, path.ends_with('/')) {
            (false, _) => "",
            (true, true) => "…",
            (true, false) => "/…",
        };
        let qualifier = listed.function.qualifier.as_ref().or(listed.function.lambda.qualifier.as_ref());
        let qualifier = qualifier.map(|qualifier| format!(":{}", qualifier.as_str())).unwrap_or_default();
        Self {
            function: format!("{}{qualifier}", listed.function.lambda.name),
            dialect: listed.dialect.name(),
            mode: match listed.route.mode {
                Mode::Sync => "sync",
                Mode::Async => "async",
            },
            url: format!("{base}{path}{more}"),
            methods: listed.route.methods.iter().map(http::Method::as_str).collect(),
        }
    }

    fn cells(self) -> [String; 5] {
        [self.function, self.dialect.to_owned(), self.mode.to_owned(), self.url, self.methods.join(",")]
    }
}
