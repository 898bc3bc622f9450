//! The settings that have one value: their names everywhere, their defaults, their meaning.

use std::{net::SocketAddr, num::NonZeroU32, path::PathBuf};

use super::{
    mistake::{Mistakes, Origin, Written, quoted, unknown},
    quantity,
};

/// Settings of the gateway itself.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct GatewaySettings {
    /// Where callers come in.
    pub listen: SocketAddr,
    /// Health, metrics and version. Always a loopback address.
    pub admin_listen: SocketAddr,
    /// All bodies in memory together.
    pub buffered_bytes: usize,
    /// Calls at a time, all keys together.
    pub concurrency: NonZeroU32,
    /// The gateway's own keys, by which it seals what it gives out; `None`: one in the data directory.
    pub key_file: Option<PathBuf>,
    pub log_format: LogFormat,
    pub log_level: LogLevel,
    /// What has to outlive the process.
    pub data_dir: PathBuf,
}

/// Settings of the embedded Lambda service.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LambdaSettings {
    pub listen: SocketAddr,
    /// Invocations at a time, all functions together; the account's limit on AWS.
    pub concurrency: NonZeroU32,
}

/// How the logs are written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LogFormat {
    Text,
    Json,
}

/// What is worth saying.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

/// A setting on the command line.
#[derive(Clone, Debug)]
pub struct Flag {
    pub section: &'static str,
    pub key: &'static str,
    /// As typed: `--listen`.
    pub name: &'static str,
    pub value: String,
}

/// A setting's names in the file and in the environment, and its default.
#[derive(Debug)]
pub(super) struct Setting {
    pub(super) section: &'static str,
    pub(super) key: &'static str,
    pub(super) variable: &'static str,
    pub(super) default: &'static str,
}

/// Every setting, section by section.
pub(super) static SETTINGS: &[&Setting] = &[
    &LISTEN,
    &ADMIN_LISTEN,
    &BUFFERED_BYTES,
    &CONCURRENCY,
    &KEY_FILE,
    &LOG_FORMAT,
    &LOG_LEVEL,
    &DATA_DIR,
    &LAMBDA_LISTEN,
    &LAMBDA_CONCURRENCY,
];

/// The strongest of what was written for each setting: flag, then environment, then file, then default.
#[derive(Debug)]
pub(super) struct Resolved<'a> {
    pub(super) flags: &'a [Flag],
    pub(super) variables: &'a [(String, String)],
    pub(super) file: &'a [(&'static Setting, Written)],
}

impl Resolved<'_> {
    pub(super) fn gateway(&self, mistakes: &mut Mistakes) -> Option<GatewaySettings> {
        let listen = self.check(&LISTEN, address, mistakes);
        let admin_listen = self.check(&ADMIN_LISTEN, loopback_address, mistakes);
        let buffered_bytes = self.check(&BUFFERED_BYTES, size, mistakes);
        let concurrency = self.check(&CONCURRENCY, count, mistakes);
        let key_file = self.check(&KEY_FILE, optional_path, mistakes);
        let log_format = self.check(&LOG_FORMAT, |text| word(text, LOG_FORMATS), mistakes);
        let log_level = self.check(&LOG_LEVEL, |text| word(text, LOG_LEVELS), mistakes);
        let data_dir = self.check(&DATA_DIR, path, mistakes);
        Some(GatewaySettings {
            listen: listen?,
            admin_listen: admin_listen?,
            buffered_bytes: buffered_bytes?,
            concurrency: concurrency?,
            key_file: key_file?,
            log_format: log_format?,
            log_level: log_level?,
            data_dir: data_dir?,
        })
    }

    pub(super) fn lambda(&self, mistakes: &mut Mistakes) -> Option<LambdaSettings> {
        let listen = self.check(&LAMBDA_LISTEN, address, mistakes);
        let concurrency = self.check(&LAMBDA_CONCURRENCY, count, mistakes);
        Some(LambdaSettings { listen: listen?, concurrency: concurrency? })
    }

    fn check<T>(
        &self,
        setting: &'static Setting,
        read: impl FnOnce(&str) -> Result<T, String>,
        mistakes: &mut Mistakes,
    ) -> Option<T> {
        let written = self.strongest(setting);
        read(&written.text).map_err(|what| mistakes.add(written.mistake(what))).ok()
    }

    fn strongest(&self, setting: &'static Setting) -> Written {
        let key = || setting.key.to_owned();
        if let Some(flag) =
            self.flags.iter().find(|flag| (flag.section, flag.key) == (setting.section, setting.key))
        {
            return Written { key: key(), text: flag.value.clone(), origin: Origin::Flag(flag.name) };
        }
        if let Some((_, text)) = self.variables.iter().find(|(name, _)| name == setting.variable) {
            return Written {
                key: key(),
                text: text.clone(),
                origin: Origin::Variable(setting.variable.to_owned()),
            };
        }
        match self.file.iter().find(|(in_file, _)| std::ptr::eq(*in_file, setting)) {
            Some((_, written)) => written.clone(),
            None => Written { key: key(), text: setting.default.to_owned(), origin: Origin::Default },
        }
    }
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| format!("{} is not an address with a port; write e.g. \"127.0.0.1:8080\"", quoted(text)))
}

fn loopback_address(text: &str) -> Result<SocketAddr, String> {
    let address = address(text)?;
    if address.ip().is_loopback() {
        Ok(address)
    } else {
        Err(format!("{} is not a loopback address; whoever reaches this listener needs no key", quoted(text)))
    }
}

fn size(text: &str) -> Result<usize, String> {
    match quantity::bytes(text)? {
        0 => Err("0 would refuse every body".to_owned()),
        bytes => Ok(bytes),
    }
}

pub(super) fn count(text: &str) -> Result<NonZeroU32, String> {
    text.parse().map_err(|_| format!("{} is not a number from 1 to {}", quoted(text), u32::MAX))
}

fn path(text: &str) -> Result<PathBuf, String> {
    if text.is_empty() { Err("an empty path".to_owned()) } else { Ok(text.into()) }
}

/// Nothing: none.
fn optional_path(text: &str) -> Result<Option<PathBuf>, String> {
    Ok((!text.is_empty()).then(|| text.into()))
}

fn word<T: Copy>(text: &str, words: &[(&str, T)]) -> Result<T, String> {
    let known = words.iter().find(|(word, _)| *word == text);
    known.map(|&(_, meaning)| meaning).ok_or_else(|| unknown(text, words.iter().map(|(word, _)| *word)))
}

const LOG_FORMATS: &[(&str, LogFormat)] = &[("text", LogFormat::Text), ("json", LogFormat::Json)];

const LOG_LEVELS: &[(&str, LogLevel)] = &[
    ("error", LogLevel::Error),
    ("warn", LogLevel::Warn),
    ("info", LogLevel::Info),
    ("debug", LogLevel::Debug),
    ("trace", LogLevel::Trace),
];

static LISTEN: Setting =
    Setting { section: "gateway", key: "listen", variable: "STAYPUT_LISTEN", default: "127.0.0.1:8080" };

static ADMIN_LISTEN: Setting = Setting {
    section: "gateway",
    key: "admin_listen",
    variable: "STAYPUT_ADMIN_LISTEN",
    default: "127.0.0.1:9080",
};

/// Source of the default: DESIGN.md section 7, "Sizes".
static BUFFERED_BYTES: Setting = Setting {
    section: "gateway",
    key: "buffered_bytes",
    variable: "STAYPUT_BUFFERED_BYTES",
    default: "256 MiB",
};

/// Source of the default: ours. Four fifths of the connections that the gateway takes, so that who is over it is told so
/// in its own dialect instead of waiting to be connected; eight times what AWS runs at a time for a new account.
static CONCURRENCY: Setting =
    Setting { section: "gateway", key: "concurrency", variable: "STAYPUT_CONCURRENCY", default: "8000" };

static KEY_FILE: Setting =
    Setting { section: "gateway", key: "key_file", variable: "STAYPUT_KEY_FILE", default: "" };

static LOG_FORMAT: Setting =
    Setting { section: "gateway", key: "log_format", variable: "STAYPUT_LOG_FORMAT", default: "text" };

static LOG_LEVEL: Setting =
    Setting { section: "gateway", key: "log_level", variable: "STAYPUT_LOG_LEVEL", default: "info" };

static DATA_DIR: Setting =
    Setting { section: "gateway", key: "data_dir", variable: "STAYPUT_DATA_DIR", default: ".stayput" };

static LAMBDA_LISTEN: Setting = Setting {
    section: "lambda",
    key: "listen",
    variable: "STAYPUT_LAMBDA_LISTEN",
    default: "127.0.0.1:9000",
};

/// Source of the default: AWS's own for a new account (Lambda developer guide, "Lambda quotas").
static LAMBDA_CONCURRENCY: Setting = Setting {
    section: "lambda",
    key: "concurrency",
    variable: "STAYPUT_LAMBDA_CONCURRENCY",
    default: "1000",
};
