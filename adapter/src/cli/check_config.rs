//! `stayput check-config`

use clap::Args;
use serde_json::json;

use super::{
    Exit, Failure,
    options::ConfigOptions,
    terminal::{print, print_json},
};
use crate::config::{Config, ConfigError, Mistake, Origin, schema};

/// Tell everything that is wrong with the configuration
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  stayput check-config --config stayput.toml")]
pub(super) struct CheckConfig {
    #[command(flatten)]
    config: ConfigOptions,
    /// Print the configuration file's JSON Schema, for editors, and check nothing
    #[arg(long)]
    schema: bool,
}

impl CheckConfig {
    pub(super) fn run(self, json: bool) -> Result<Exit, Failure> {
        if self.schema {
            print(format_args!("{:#}", schema::schema()));
            return Ok(Exit::Done);
        }
        let mistakes = match Config::load(self.config.path(), Vec::new()) {
            Ok(_) => None,
            Err(ConfigError::Mistakes(mistakes)) => Some(mistakes),
            Err(error @ (ConfigError::Unreadable { .. } | ConfigError::TooLarge { .. })) => {
                return Err(error.into());
            }
        };
        if json {
            let mistakes: Vec<_> =
                mistakes.iter().flat_map(|mistakes| mistakes.iter()).map(in_json).collect();
            print_json(&json!({ "ok": mistakes.is_empty(), "mistakes": mistakes }));
        } else {
            print(mistakes.as_ref().map_or_else(|| "ok".to_owned(), ToString::to_string));
        }
        Ok(if mistakes.is_some() { Exit::Usage } else { Exit::Done })
    }
}

fn in_json(mistake: &Mistake) -> serde_json::Value {
    let what = &mistake.what;
    match &mistake.origin {
        Origin::File { file, line, column } => {
            json!({ "file": **file, "line": line, "column": column, "message": what })
        }
        Origin::Variable(name) => json!({ "variable": name, "message": what }),
        Origin::Flag(name) => json!({ "flag": name, "message": what }),
        Origin::Default => json!({ "message": what }),
    }
}
