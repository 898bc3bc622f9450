//! One caller's permission.

use std::{net::IpAddr, sync::Arc, time::SystemTime};

use super::Cidr;
use crate::{
    FunctionKey,
    limits::{KeyLimits, KeyUse},
};

/// One caller's permission. A caller may hold two at once, so that one can replace the other without a gap.
#[derive(Clone, Debug)]
pub struct Key {
    /// The operator's name for it; goes to the log.
    pub label: String,
    pub dialects: Scope,
    /// Function keys, in the words of the dialect.
    pub functions: Scope,
    pub rights: Vec<Right>,
    /// Where calls may come from; empty: anywhere.
    pub sources: Vec<Cidr>,
    pub valid: Validity,
    pub limits: KeyLimits,
    /// May its callers put a user's name and password into the URLs of callbacks?
    pub userinfo: bool,
    /// What is being done with it. Clones count together, and so does the same key after a reload.
    pub used: Arc<KeyUse>,
}

/// Everything, or a list.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Scope {
    All,
    Only(Vec<String>),
}

/// Something a key may be allowed to do with the functions in its scope.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Right {
    /// Synchronous calls.
    Invoke,
    /// Asynchronous calls.
    Async,
    /// The function's log tail and error traces in answers.
    Logs,
}

/// When a key counts. Outside of it the key is as unknown as one that was never registered.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Validity {
    /// From this moment on; `None`: always has.
    pub not_before: Option<SystemTime>,
    /// Up to and without this moment; `None`: for ever.
    pub not_after: Option<SystemTime>,
}

impl Key {
    /// A key without bounds: for always, from anywhere, as often as it likes.
    pub fn new(label: impl Into<String>, dialects: Scope, functions: Scope, rights: &[Right]) -> Self {
        Self {
            label: label.into(),
            dialects,
            functions,
            rights: rights.to_vec(),
            sources: Vec::new(),
            valid: Validity::default(),
            limits: KeyLimits::default(),
            userinfo: false,
            used: Arc::default(),
        }
    }

    pub fn may(&self, right: Right) -> bool {
        self.rights.contains(&right)
    }

    pub fn sees(&self, function: &FunctionKey) -> bool {
        self.functions.contains(function.as_str())
    }

    /// Does it count in this dialect, from there, now?
    pub fn counts(&self, dialect: &str, peer: IpAddr, now: SystemTime) -> bool {
        self.dialects.contains(dialect) && self.allows_source(peer) && self.valid.contains(now)
    }

    fn allows_source(&self, peer: IpAddr) -> bool {
        self.sources.is_empty() || self.sources.iter().any(|block| block.contains(peer))
    }
}

impl Scope {
    pub fn contains(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(names) => names.iter().any(|listed| listed == name),
        }
    }
}

impl Right {
    pub const ALL: [Self; 3] = [Self::Invoke, Self::Async, Self::Logs];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invoke => "invoke",
            Self::Async => "async",
            Self::Logs => "logs",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|right| right.as_str() == word)
    }
}

impl Validity {
    pub fn contains(&self, now: SystemTime) -> bool {
        self.not_before.is_none_or(|start| start <= now) && self.not_after.is_none_or(|end| now < end)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn a_key_counts_from_its_first_moment_up_to_its_last() {
        let at = |s| UNIX_EPOCH + Duration::from_secs(s);
        let valid = Validity { not_before: Some(at(10)), not_after: Some(at(20)) };
        let counts = [9, 10, 19, 20].map(|s| valid.contains(at(s)));
        assert_eq!(counts, [false, true, true, false]);
        assert!(Validity::default().contains(UNIX_EPOCH));
    }
}
