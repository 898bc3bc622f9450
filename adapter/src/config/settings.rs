//! The settings that have one value. Everything there is to say about one stands in one place: below.

use std::{
    net::SocketAddr,
    num::{NonZeroU32, NonZeroUsize},
    path::PathBuf,
    time::Duration,
};

use http::Uri;
use stayput_core::{
    callback::{HostPattern, When},
    keys::Cidr,
};

use super::{
    kind::{self, Kind, Shape},
    mistake::{Mistakes, Origin, Written, quoted},
    quantity::Scale,
};

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

/// Who speaks to Lambda on AWS.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum AwsClient {
    /// Our own signer and connections, for calls; all else is the SDK's.
    Lean,
    /// The AWS SDK for Rust.
    Sdk,
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

/// A setting's names in the file and in the environment, its default, and what it is for.
#[derive(Debug)]
pub struct Setting {
    pub section: &'static str,
    pub key: &'static str,
    pub variable: &'static str,
    pub default: &'static str,
    /// One line.
    pub about: &'static str,
    pub change: Change,
    pub(super) shape: Shape,
}

impl Setting {
    /// No other setting has both.
    pub(super) fn name(&self) -> (&'static str, &'static str) {
        (self.section, self.key)
    }
}

/// When another value takes effect.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Change {
    /// When the configuration is loaded again.
    Live,
    /// At the next start.
    Restart,
}

/// The strongest of what was written for a setting.
#[derive(Clone, Debug)]
pub struct Value {
    pub setting: &'static Setting,
    pub written: Written,
}

/// A section of the file: what the program runs on, and the settings that it comes from. A setting is
/// `/// what it is for`, `key: type = "default", kind, "VARIABLE", when a change takes effect;`.
macro_rules! section {
    (
        #[doc = $section_about:literal]
        [$section:ident] $settings:ident {
            $(
                #[doc = $about:literal]
                $key:ident: $type:ty = $default:literal, $kind:ident, $variable:literal, $change:ident;
            )+
        }
    ) => {
        #[doc = $section_about]
        #[derive(Clone, Debug, Eq, PartialEq)]
        pub struct $settings {
            $(
                #[doc = $about]
                pub $key: $type,
            )+
        }

        impl $settings {
            const ALL: &[Setting] = &[$(Setting {
                section: stringify!($section),
                key: stringify!($key),
                variable: $variable,
                default: $default,
                about: $about.trim_ascii(),
                change: Change::$change,
                shape: kind::$kind.shape,
            }),+];

            /// `None`: some of it is among the `mistakes`.
            pub(super) fn check(values: &[Value], mistakes: &mut Mistakes) -> Option<Self> {
                $(let $key = check(values, stringify!($section), stringify!($key), &kind::$kind, mistakes);)+
                Some(Self { $($key: $key?),+ })
            }
        }
    };
}

// The concurrency is ours: four fifths of the connections that the gateway takes, so that who is over it is told so in its
// own dialect instead of waiting to be connected; eight times what AWS runs at a time for a new account.
section! {
    /// Settings of the gateway itself.
    [gateway] GatewaySettings {
        /// Where callers come in.
        listen: SocketAddr = "127.0.0.1:8080", ADDRESS, "STAYPUT_LISTEN", Restart;
        /// Health, metrics and version: always a loopback address, as no key is asked for here.
        admin_listen: SocketAddr = "127.0.0.1:9080", LOOPBACK_ADDRESS, "STAYPUT_ADMIN_LISTEN", Restart;
        /// All request and response bodies in memory together; more is answered with 503.
        buffered_bytes: usize = "256 MiB", SIZE, "STAYPUT_BUFFERED_BYTES", Restart;
        /// Calls at a time, of all keys together; a quarter of the places is shared out evenly between the keys.
        concurrency: NonZeroU32 = "8000", COUNT, "STAYPUT_CONCURRENCY", Restart;
        /// A file with the gateway's own keys, which seal the tokens of Altair's callers; empty: one is made in data_dir.
        key_file: Option<PathBuf> = "", FILE, "STAYPUT_KEY_FILE", Restart;
        /// How the logs are written: "text" or "json".
        log_format: LogFormat = "text", LOG_FORMAT, "STAYPUT_LOG_FORMAT", Restart;
        /// What is worth a line in the log: "error", "warn", "info", "debug" or "trace".
        log_level: LogLevel = "info", LOG_LEVEL, "STAYPUT_LOG_LEVEL", Live;
        /// What has to outlive the process: the keys that it makes for itself.
        data_dir: PathBuf = ".stayput", PATH, "STAYPUT_DATA_DIR", Restart;
        /// `stayput serve` only: a certificate, and what it was issued by, as a PEM file; with tls_key, callers speak HTTPS.
        tls_cert: Option<PathBuf> = "", FILE, "STAYPUT_TLS_CERT", Restart;
        /// `stayput serve` only: the certificate's key, as a PEM file. Both files are read again when they change.
        tls_key: Option<PathBuf> = "", FILE, "STAYPUT_TLS_KEY", Restart;
        /// `stayput serve` only: threads that serve callers, "auto" for one a core.
        workers: Option<NonZeroUsize> = "auto", WORKERS, "STAYPUT_WORKERS", Restart;
        /// How long calls may take to finish after SIGTERM or Ctrl-C; `stayput dev` waits 5 s at most.
        drain: Duration = "25s", TIME, "STAYPUT_DRAIN", Restart;
    }
}

/// A certificate and its key, in PEM form.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TlsFiles {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

impl GatewaySettings {
    /// For HTTPS; else callers speak plain HTTP.
    pub fn tls(&self) -> Option<TlsFiles> {
        let (certificate, key) = (self.tls_cert.clone()?, self.tls_key.clone()?);
        Some(TlsFiles { certificate, key })
    }

    /// Both files of TLS or neither.
    pub(super) fn check_tls(&self, values: &[Value], mistakes: &mut Mistakes) {
        both(("tls_cert", self.tls_cert.is_some()), ("tls_key", self.tls_key.is_some()), values, mistakes);
    }
}

/// Of two settings, by their keys and whether they are given, both must be or neither.
pub(super) fn both(one: (&str, bool), other: (&str, bool), values: &[Value], mistakes: &mut Mistakes) {
    let (((given, true), (missing, false)) | ((missing, false), (given, true))) = (one, other) else {
        return;
    };
    let value = values.iter().find(|value| value.setting.key == given);
    let written = &value.expect("every setting has a value").written;
    mistakes.add(written.mistake(format!("{} without {missing} is no use", quoted(&written.text))));
}

// The concurrency is AWS's own for a new account (Lambda developer guide, "Lambda quotas").
section! {
    /// Settings of the embedded Lambda service.
    [lambda] LambdaSettings {
        /// The embedded Lambda service of `stayput dev`. With 127.0.0.1, [::1] answers as well.
        listen: SocketAddr = "127.0.0.1:9000", ADDRESS, "STAYPUT_LAMBDA_LISTEN", Restart;
        /// Invocations at a time, all functions together.
        concurrency: NonZeroU32 = "1000", COUNT, "STAYPUT_LAMBDA_CONCURRENCY", Restart;
        /// What the waits of asynchronous calls are multiplied with, "0.001" to "1000"; "1": as on AWS, 1 and 2 minutes before a retry.
        wait_scale: Scale = "1", SCALE, "STAYPUT_LAMBDA_WAIT_SCALE", Restart;
        /// URL of an SQS service, to which what comes into the embedded queues is sent on; empty: it stays in them.
        sqs_endpoint: Option<Uri> = "", ENDPOINT, "STAYPUT_LAMBDA_SQS_ENDPOINT", Restart;
    }
}

// AWS's front door closes connections that were idle for about a minute; ours must go first, or a call may be written
// into one that is just being closed, and what was written once is never sent again.
section! {
    /// Settings of the way to Lambda on AWS. Credentials are the AWS SDK's affair, by its own names.
    [aws] AwsSettings {
        /// Who speaks to Lambda: "lean", our own client, or "sdk", the AWS SDK's.
        client: AwsClient = "lean", AWS_CLIENT, "STAYPUT_AWS_CLIENT", Restart;
        /// URL of the Lambda service; empty: as the AWS SDK's rules say, AWS_ENDPOINT_URL_LAMBDA among them.
        endpoint: Option<Uri> = "", ENDPOINT, "STAYPUT_AWS_ENDPOINT", Restart;
        /// Region of the functions; empty: as the AWS SDK's rules say, AWS_REGION among them.
        region: Option<String> = "", REGION, "STAYPUT_AWS_REGION", Restart;
        /// How long a connection to AWS may take to come about, TLS included.
        connect_timeout: Duration = "2s", TIME, "STAYPUT_AWS_CONNECT_TIMEOUT", Restart;
        /// Connections to AWS at a time; each carries one call.
        max_connections: NonZeroU32 = "1000", COUNT, "STAYPUT_AWS_MAX_CONNECTIONS", Restart;
        /// How long a connection to AWS that nothing uses is kept.
        keep_alive: Duration = "20s", TIME, "STAYPUT_AWS_KEEP_ALIVE", Restart;
        /// DynamoDB table that remembers asynchronous calls, for several gateways together; empty: the data directory does.
        ledger: Option<String> = "", TABLE, "STAYPUT_AWS_LEDGER", Restart;
    }
}

// The bytes are a quarter of what a destination record may have, which event and answer share; ours.
section! {
    /// Settings of callbacks: where they may go, and what they are promised for.
    [callback] CallbackSettings {
        /// Hosts that callbacks may go to: "hooks.example.com", or "*.example.com" for all below it; empty: any public host.
        allow_hosts: Vec<HostPattern> = "", HOSTS, "STAYPUT_CALLBACK_ALLOW_HOSTS", Restart;
        /// Blocks of addresses that callbacks may go to though they are not public, "10.0.0.0/8" for one.
        allow_addresses: Vec<Cidr> = "", BLOCKS, "STAYPUT_CALLBACK_ALLOW_ADDRESSES", Restart;
        /// Host names under which callers reach the gateway itself: no callback goes there, as it would go in a circle.
        own_names: Vec<HostPattern> = "", HOSTS, "STAYPUT_CALLBACK_OWN_NAMES", Restart;
        /// `stayput dev` only: may callbacks go to loopback addresses, to receivers on this machine?
        loopback: bool = "true", TRUTH, "STAYPUT_CALLBACK_LOOPBACK", Restart;
        /// The event of a call that is promised a callback, up to "1 MiB"; the larger, the less the answer may have.
        event_bytes: usize = "256 KiB", EVENT_SIZE, "STAYPUT_CALLBACK_EVENT_BYTES", Restart;
        /// Which ends Eywa's callers are told: "returned", answers below 400, as the platform did, or "always", all.
        eywa: When = "returned", EYWA_ENDS, "STAYPUT_CALLBACK_EYWA", Restart;
        /// In front of AWS: URL of the SQS queue that the functions' destinations name; empty: no callback is promised there.
        queue: Option<Uri> = "", QUEUE, "STAYPUT_CALLBACK_QUEUE", Restart;
        /// In front of AWS: URL of the SQS queue for records whose callback could not be delivered.
        dead_letters: Option<Uri> = "", QUEUE, "STAYPUT_CALLBACK_DEAD_LETTERS", Restart;
        /// In front of AWS: how long after its acceptance a call's outcome must be here; later, its caller is told that none came.
        outcome_after: Duration = "7h", TIME, "STAYPUT_CALLBACK_OUTCOME_AFTER", Restart;
    }
}

/// Every setting, section by section.
pub(super) fn all() -> impl Iterator<Item = &'static Setting> + Clone {
    let sections = [GatewaySettings::ALL, LambdaSettings::ALL, AwsSettings::ALL, CallbackSettings::ALL];
    sections.into_iter().flatten()
}

/// The strongest of what was written for each setting: flag, then environment, then file, then default.
pub(super) fn strongest(flags: &[Flag], variables: &[(String, String)], file: &[Value]) -> Vec<Value> {
    let written = |setting: &Setting| {
        let write =
            |text: &str, origin| Written { key: setting.key.to_owned(), text: text.to_owned(), origin };
        let flag = flags.iter().find(|flag| (flag.section, flag.key) == setting.name());
        if let Some(flag) = flag {
            return write(&flag.value, Origin::Flag(flag.name));
        }
        if let Some((name, text)) = variables.iter().find(|(name, _)| name == setting.variable) {
            return write(text, Origin::Variable(name.clone()));
        }
        // By its name: an optimised program may have a constant at several addresses.
        let in_file = file.iter().find(|value| value.setting.name() == setting.name());
        in_file.map_or_else(|| write(setting.default, Origin::Default), |value| value.written.clone())
    };
    all().map(|setting| Value { setting, written: written(setting) }).collect()
}

fn check<T>(
    values: &[Value],
    section: &str,
    key: &str,
    kind: &Kind<T>,
    mistakes: &mut Mistakes,
) -> Option<T> {
    let value = values.iter().find(|value| value.setting.name() == (section, key));
    let written = &value.expect("every setting has a value, if only its default").written;
    (kind.read)(&written.text).map_err(|what| mistakes.add(written.mistake(what))).ok()
}
