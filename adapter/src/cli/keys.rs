//! `stayput keys`: who may call.

use clap::{Args, Subcommand};
use serde_json::json;
use stayput_core::{
    Credential, DIALECTS,
    callback::SigningSecrets,
    keys::{CredentialHash, ENOUGH_BITS, Right, Scope, entropy_bits},
    limits::Rate,
};

use super::{
    Exit, Failure,
    options::ConfigOptions,
    terminal::{print, print_json, print_table, say},
};
use crate::{
    config::{GATEWAY_KEY, Holder, KeyRow},
    secret,
    tokens::sealing,
};

mod bounds;
mod credential;
mod row;

use bounds::{Bounds, dates, limits, rfc3339};
use row::Row;

/// Make, register and list callers' keys
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  stayput keys list")]
pub(super) struct Keys {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make a key for a new caller; it is shown this once
    #[command(after_help = "Example:\n  stayput keys new --dialect stedi --label erp --write")]
    New {
        #[command(flatten)]
        row: RowOptions,
        #[command(flatten)]
        config: ConfigOptions,
    },
    /// Register the credential that a caller holds already, read from standard input
    ///
    /// Only its SHA-256 is kept. One line break at its end is taken away; everything else is the credential's.
    #[command(after_help = "Example:\n  stayput keys add --dialect altair --label portal < credential")]
    Add {
        #[command(flatten)]
        row: RowOptions,
        #[command(flatten)]
        config: ConfigOptions,
    },
    /// Print the secret with which the callbacks of a key's caller are signed, for whoever receives them
    #[command(after_help = "Example:\n  stayput keys secret erp")]
    Secret {
        /// The key's label
        label: String,
        #[command(flatten)]
        config: ConfigOptions,
    },
    /// List the keys of the configuration
    #[command(after_help = "Example:\n  stayput keys list --config stayput.toml")]
    List {
        #[command(flatten)]
        config: ConfigOptions,
    },
}

/// A key's row.
#[derive(Args, Debug)]
struct RowOptions {
    /// Your name for it, in lists and logs
    #[arg(long)]
    label: String,
    /// A dialect in which it counts; may be repeated
    #[arg(long = "dialect", required = true, value_name = "DIALECT", value_parser = dialect_names())]
    dialects: Vec<String>,
    /// A function that it may call, as its callers name it; may be repeated [default: all]
    #[arg(long = "function", value_name = "NAME")]
    functions: Vec<String>,
    /// What it may do; may be repeated
    #[arg(long = "right", value_name = "RIGHT", default_value = "invoke", value_parser = Right::ALL.map(Right::as_str))]
    rights: Vec<String>,
    /// A block of addresses from which it counts; may be repeated [default: everywhere]
    #[arg(long = "source", value_name = "CIDR")]
    sources: Vec<String>,
    #[command(flatten)]
    bounds: Bounds,
    /// Append the row to the configuration file instead of printing it
    #[arg(long)]
    write: bool,
}

impl Keys {
    pub(super) fn run(self, json: bool) -> Result<Exit, Failure> {
        match self.verb {
            Verb::New { row, config } => new(&row, &config, json),
            Verb::Add { row, config } => add(&row, &config, json),
            Verb::Secret { label, config } => signing_secret(&label, &config, json),
            Verb::List { config } => list(&config, json),
        }
    }
}

/// Of a label that no row has as well: `dev` has keys of its own.
fn signing_secret(label: &str, config: &ConfigOptions, json: bool) -> Result<Exit, Failure> {
    let config = config.load(Vec::new())?;
    let keys = sealing::peek(
        GATEWAY_KEY.from_environment()?.as_ref(),
        config.gateway.key_file.as_deref(),
        &config.gateway.data_dir,
    )?;
    let secrets = SigningSecrets::of(&keys, label);
    let secret = secrets.current().expect("there is a key").expose();
    if json {
        print_json(&json!({ "label": label, "secret": secret }));
    } else {
        print(secret);
    }
    Ok(Exit::Done)
}

fn new(options: &RowOptions, config: &ConfigOptions, json: bool) -> Result<Exit, Failure> {
    let secret = secret::fresh(KEY_PREFIX)
        .map_err(|cause| Failure::usage("no randomness to be had").because(&cause))?;
    let row = Row::new(options, &Credential::new(secret.clone()))?;
    let written = row.keep(options.write, config)?;
    if json {
        print_json(&json!({ "key": secret, "sha256": row.sha256, "row": row.toml, "written": written }));
    } else {
        say("The key; it is not shown again:");
        print(&secret);
        row.show(written);
    }
    Ok(Exit::Done)
}

fn add(options: &RowOptions, config: &ConfigOptions, json: bool) -> Result<Exit, Failure> {
    let secret = credential::read()?;
    let bits = entropy_bits(&secret);
    if bits < ENOUGH_BITS {
        say(format_args!(
            "warning: about {bits:.0} bits at most to guess, where {ENOUGH_BITS} are enough; give the caller a key of \
             `stayput keys new` as soon as you can"
        ));
    }
    credential::check_for(&options.dialects, &secret).map_err(Failure::usage)?;
    let row = Row::new(options, &Credential::new(secret))?;
    let written = row.keep(options.write, config)?;
    if json {
        print_json(&json!({ "sha256": row.sha256, "row": row.toml, "written": written }));
    } else {
        row.show(written);
    }
    Ok(Exit::Done)
}

fn list(config: &ConfigOptions, json: bool) -> Result<Exit, Failure> {
    let keys = config.load(Vec::new())?.rows.map(|rows| rows.keys).unwrap_or_default();
    if json {
        let keys: Vec<_> = keys.iter().map(in_json).collect();
        print_json(&keys);
    } else {
        let rows: Vec<_> = keys.iter().map(cells).collect();
        print_table(["LABEL", "SHA256", "DIALECTS", "FUNCTIONS", "RIGHTS", "LIMITS", "COUNTS"], &rows);
    }
    Ok(Exit::Done)
}

fn cells(row: &KeyRow) -> [String; 7] {
    let words = |scope: &Scope| match scope {
        Scope::All => "all".to_owned(),
        Scope::Only(words) => words.join(","),
    };
    let key = &row.key;
    let rights: Vec<_> = key.rights.iter().map(|right| right.as_str()).collect();
    [
        key.label.clone(),
        shown(row.holder),
        words(&key.dialects),
        words(&key.functions),
        rights.join(","),
        limits(key),
        dates(key),
    ]
}

fn in_json(row: &KeyRow) -> serde_json::Value {
    let words = |scope: &Scope| match scope {
        Scope::All => serde_json::Value::Null,
        Scope::Only(words) => json!(words),
    };
    let key = &row.key;
    json!({
        "label": key.label,
        "sha256": shown(row.holder),
        "dialects": words(&key.dialects),
        "functions": words(&key.functions),
        "rights": key.rights.iter().map(|right| right.as_str()).collect::<Vec<_>>(),
        "rate": key.limits.rate.map(|rate| rate.to_string()),
        "burst": key.limits.rate.map(Rate::burst),
        "concurrency": key.limits.concurrency,
        "not_before": key.valid.not_before.map(rfc3339),
        "not_after": key.valid.not_after.map(rfc3339),
    })
}

/// Enough of the hash to tell keys apart.
fn shown(holder: Holder) -> String {
    match holder {
        Holder::Credential(CredentialHash(hash)) => format!("{}…", secret::hex(&hash[..2])),
        Holder::Anonymous => "anonymous".to_owned(),
    }
}

fn dialect_names() -> Vec<&'static str> {
    DIALECTS.iter().map(|dialect| dialect.name()).collect()
}

const KEY_PREFIX: &str = "key_";
