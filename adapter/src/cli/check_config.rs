//! `stayput check-config`

use clap::Args;
use serde_json::json;

use super::{
    Exit, Failure,
    options::ConfigOptions,
    terminal::{print, print_json, print_table},
};
use crate::config::{Config, ConfigError, Mistake, Origin, Value, schema};

/// Tell everything that is wrong with the configuration
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  stayput check-config --config stayput.toml\n  stayput check-config --show-origin"
)]
pub(super) struct CheckConfig {
    #[command(flatten)]
    config: ConfigOptions,
    /// Tell each setting's value, and where it was written
    #[arg(long)]
    show_origin: bool,
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
        let (values, mistakes) = match Config::load(self.config.path(), Vec::new()) {
            Ok(config) => (config.values, None),
            Err(ConfigError::Mistakes(mistakes)) => (Vec::new(), Some(mistakes)),
            Err(error @ (ConfigError::Unreadable { .. } | ConfigError::TooLarge { .. })) => {
                return Err(error.into());
            }
        };
        if json {
            let mistakes: Vec<_> =
                mistakes.iter().flat_map(|mistakes| mistakes.iter()).map(in_json).collect();
            let mut report = json!({ "ok": mistakes.is_empty(), "mistakes": mistakes });
            if self.show_origin {
                report["settings"] = values.iter().map(value_in_json).collect();
            }
            print_json(&report);
        } else if self.show_origin && mistakes.is_none() {
            let rows: Vec<_> = values.iter().map(cells).collect();
            print_table(["SETTING", "VALUE", "FROM"], &rows);
        } else {
            print(mistakes.as_ref().map_or_else(|| "ok".to_owned(), ToString::to_string));
        }
        Ok(if mistakes.is_some() { Exit::Usage } else { Exit::Done })
    }
}

fn in_json(mistake: &Mistake) -> serde_json::Value {
    let mut object = origin_in_json(&mistake.origin);
    object["message"] = json!(mistake.what);
    object
}

fn value_in_json(value: &Value) -> serde_json::Value {
    let mut object = origin_in_json(&value.written.origin);
    object["setting"] = json!(name(value));
    object["value"] = json!(value.written.text);
    object
}

fn origin_in_json(origin: &Origin) -> serde_json::Value {
    match origin {
        Origin::File { file, line, column } => json!({ "file": **file, "line": line, "column": column }),
        Origin::Variable(name) => json!({ "variable": name }),
        Origin::Flag(name) => json!({ "flag": name }),
        Origin::Default => json!({}),
    }
}

fn cells(value: &Value) -> [String; 3] {
    // Quoted where it is empty, as a column must hold something.
    let text = if value.written.text.is_empty() { "\"\"" } else { &value.written.text };
    [name(value), text.to_owned(), value.written.origin.to_string()]
}

fn name(value: &Value) -> String {
    format!("{}.{}", value.setting.section, value.setting.key)
}
