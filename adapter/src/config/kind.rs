//! What a setting's text may be, and what it means: for the program, and for editors.

use std::{
    net::SocketAddr,
    num::{NonZeroU32, NonZeroUsize},
    path::PathBuf,
    time::Duration,
};

use http::Uri;
use lambda_protocol::quotas::EVENT_REQUEST_BYTES;
use stayput_core::{
    callback::{HostPattern, When},
    keys::Cidr,
};

use super::{
    callback,
    mistake::{quoted, unknown},
    quantity::{self, Scale},
    settings::{AwsClient, LogFormat, LogLevel},
};

/// A kind of setting.
pub(super) struct Kind<T> {
    pub(super) shape: Shape,
    /// What the text means; else what is wrong with it and what to write.
    pub(super) read: fn(&str) -> Result<T, String>,
}

/// What an editor may know of a value.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Shape {
    Text,
    /// One of these.
    Word(&'static [&'static str]),
    /// A whole number from 1.
    Count,
    /// `true` or `false`.
    Truth,
    /// `30s`
    Time,
    /// `256 MiB`
    Size,
    /// SHA-256 in hex digits.
    Hash,
    /// A text, or a list of texts.
    Texts,
    /// As [`Texts`](Self::Texts), of these words.
    Words(Vec<String>),
}

pub(super) const ADDRESS: Kind<SocketAddr> = Kind { shape: Shape::Text, read: address };

pub(super) const LOOPBACK_ADDRESS: Kind<SocketAddr> = Kind { shape: Shape::Text, read: loopback_address };

pub(super) const SIZE: Kind<usize> = Kind { shape: Shape::Size, read: size };

/// Of an event.
pub(super) const EVENT_SIZE: Kind<usize> = Kind { shape: Shape::Size, read: event_size };

pub(super) const TIME: Kind<Duration> = Kind { shape: Shape::Time, read: time };

pub(super) const COUNT: Kind<NonZeroU32> = Kind { shape: Shape::Count, read: count };

pub(super) const SCALE: Kind<Scale> = Kind { shape: Shape::Text, read: Scale::parse };

pub(super) const PATH: Kind<PathBuf> = Kind { shape: Shape::Text, read: path };

/// Empty: none.
pub(super) const FILE: Kind<Option<PathBuf>> =
    Kind { shape: Shape::Text, read: |text| Ok((!text.is_empty()).then(|| text.into())) };

/// `auto`: none.
pub(super) const WORKERS: Kind<Option<NonZeroUsize>> = Kind { shape: Shape::Text, read: workers };

/// Empty: none.
pub(super) const ENDPOINT: Kind<Option<Uri>> = Kind { shape: Shape::Text, read: endpoint };

/// Empty: none.
pub(super) const QUEUE: Kind<Option<Uri>> = Kind { shape: Shape::Text, read: queue };

/// Empty: none.
pub(super) const TABLE: Kind<Option<String>> = Kind { shape: Shape::Text, read: table };

/// Empty: none.
pub(super) const REGION: Kind<Option<String>> = Kind { shape: Shape::Text, read: region };

pub(super) const TRUTH: Kind<bool> = Kind { shape: Shape::Truth, read: |text| word(text, &TRUTHS) };

pub(super) const HOSTS: Kind<Vec<HostPattern>> = Kind { shape: Shape::Texts, read: callback::hosts };

pub(super) const BLOCKS: Kind<Vec<Cidr>> = Kind { shape: Shape::Texts, read: callback::blocks };

pub(super) const EYWA_ENDS: Kind<When> =
    Kind { shape: Shape::Word(&words(&EYWA_WORDS)), read: |text| word(text, &EYWA_WORDS) };

pub(super) const LOG_FORMAT: Kind<LogFormat> =
    Kind { shape: Shape::Word(&words(&LOG_FORMATS)), read: |text| word(text, &LOG_FORMATS) };

pub(super) const LOG_LEVEL: Kind<LogLevel> =
    Kind { shape: Shape::Word(&words(&LOG_LEVELS)), read: |text| word(text, &LOG_LEVELS) };

pub(super) const AWS_CLIENT: Kind<AwsClient> =
    Kind { shape: Shape::Word(&words(&AWS_CLIENTS)), read: |text| word(text, &AWS_CLIENTS) };

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

fn event_size(text: &str) -> Result<usize, String> {
    match size(text)? {
        bytes if bytes > EVENT_REQUEST_BYTES => {
            Err(format!("{} is more than an event may have (1 MiB)", quoted(text)))
        }
        bytes => Ok(bytes),
    }
}

fn time(text: &str) -> Result<Duration, String> {
    match quantity::duration(text)? {
        Duration::ZERO => Err("0 is no time at all; write e.g. \"1s\"".to_owned()),
        time => Ok(time),
    }
}

pub(super) fn count(text: &str) -> Result<NonZeroU32, String> {
    text.parse().map_err(|_| format!("{} is not a number from 1 to {}", quoted(text), u32::MAX))
}

fn path(text: &str) -> Result<PathBuf, String> {
    if text.is_empty() { Err("an empty path".to_owned()) } else { Ok(text.into()) }
}

fn workers(text: &str) -> Result<Option<NonZeroUsize>, String> {
    if text == "auto" {
        return Ok(None);
    }
    match text.parse::<NonZeroUsize>() {
        Ok(workers) if workers.get() <= MAX_WORKERS => Ok(Some(workers)),
        Ok(_) | Err(_) => {
            Err(format!("{} is not a number from 1 to {MAX_WORKERS}, nor \"auto\"", quoted(text)))
        }
    }
}

fn endpoint(text: &str) -> Result<Option<Uri>, String> {
    url(text).ok_or_else(|| {
        "not the URL of a service; write e.g. \"https://lambda.eu-central-1.amazonaws.com\"".to_owned()
    })
}

fn queue(text: &str) -> Result<Option<Uri>, String> {
    let named = |uri: &Option<Uri>| uri.as_ref().is_none_or(|uri| uri.path().trim_end_matches('/').len() > 1);
    url(text).filter(named).ok_or_else(|| {
        "not the URL of a queue; write e.g. \"https://sqs.eu-central-1.amazonaws.com/123456789012/callbacks\""
            .to_owned()
    })
}

/// Source: DynamoDB developer guide, "Naming rules".
fn table(text: &str) -> Result<Option<String>, String> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if text.is_empty() {
        Ok(None)
    } else if (3..=255).contains(&text.len()) && text.bytes().all(fits) {
        Ok(Some(text.to_owned()))
    } else {
        Err(format!("{} is not the name of a table; write e.g. \"stayput-ledger\"", quoted(text)))
    }
}

/// `None`: it is no such URL. It must not be quoted: there may be a password in it.
fn url(text: &str) -> Option<Option<Uri>> {
    if text.is_empty() {
        return Some(None);
    }
    let usable = |uri: &Uri| {
        let authority = uri.authority().map(|authority| authority.as_str());
        matches!(uri.scheme_str(), Some("http" | "https"))
            // A password has no place in a file that everybody may read, and would go into logs.
            && authority.is_some_and(|authority| !authority.contains('@'))
            && uri.query().is_none()
    };
    text.parse().ok().filter(usable).map(Some)
}

fn region(text: &str) -> Result<Option<String>, String> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if text.is_empty() {
        Ok(None)
    } else if text.len() <= MAX_REGION_LEN && text.bytes().all(fits) {
        Ok(Some(text.to_owned()))
    } else {
        Err(format!("{} is not a region; write e.g. \"eu-central-1\"", quoted(text)))
    }
}

fn word<T: Copy>(text: &str, words: &[(&str, T)]) -> Result<T, String> {
    let known = words.iter().find(|(word, _)| *word == text);
    known.map(|&(_, meaning)| meaning).ok_or_else(|| unknown(text, words.iter().map(|(word, _)| *word)))
}

const fn words<T: Copy, const N: usize>(meanings: &[(&'static str, T); N]) -> [&'static str; N] {
    let mut words = [""; N];
    let mut at = 0;
    while at < N {
        words[at] = meanings[at].0;
        at += 1;
    }
    words
}

const TRUTHS: [(&str, bool); 2] = [("true", true), ("false", false)];

const EYWA_WORDS: [(&str, When); 2] = [("returned", When::Platform), ("always", When::Always)];

const LOG_FORMATS: [(&str, LogFormat); 2] = [("text", LogFormat::Text), ("json", LogFormat::Json)];

const LOG_LEVELS: [(&str, LogLevel); 5] = [
    ("error", LogLevel::Error),
    ("warn", LogLevel::Warn),
    ("info", LogLevel::Info),
    ("debug", LogLevel::Debug),
    ("trace", LogLevel::Trace),
];

const AWS_CLIENTS: [(&str, AwsClient); 2] = [("lean", AwsClient::Lean), ("sdk", AwsClient::Sdk)];

/// Threads; more than any machine has cores.
const MAX_WORKERS: usize = 1024;

/// Ours: the label of a host name at most.
const MAX_REGION_LEN: usize = 63;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_a_url_without_a_password() {
        for good in ["http://127.0.0.1:9000", "https://lambda.eu-central-1.amazonaws.com/", "https://h/base"]
        {
            assert_eq!(endpoint(good), Ok(Some(good.parse().unwrap())), "{good}");
        }
        for bad in ["127.0.0.1:9000", "ftp://h", "https://me:hunter2@h", "https://h/?x=1", "/", "https://"] {
            let refused = endpoint(bad).expect_err(bad);
            assert!(!refused.contains("hunter2"), "{refused}");
        }
        assert_eq!(endpoint(""), Ok(None));
    }

    #[test]
    fn a_region_is_a_label_of_a_host_name() {
        assert_eq!(region("eu-central-1"), Ok(Some("eu-central-1".to_owned())));
        assert_eq!(region(""), Ok(None));
        for bad in ["EU", "eu central", "eu.central", "x/../y", &"a".repeat(64)] {
            assert!(region(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn no_time_is_no_limit() {
        assert_eq!(time("20s"), Ok(Duration::from_secs(20)));
        assert!(time("0s").is_err());
    }
}
