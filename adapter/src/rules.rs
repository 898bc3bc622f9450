//! The operator's rules: which functions there are and who may call them. They can change while calls run.

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use stayput_core::{keys::Keyring, table::Table};

/// Functions and keys that were checked together. Never changed: other rules replace them whole, so that no request
/// meets the functions of one file and the keys of another.
#[derive(Debug, Default)]
pub struct Rules {
    pub table: Table,
    pub keys: Keyring,
}

/// The rules in force.
#[derive(Debug, Default)]
pub struct LiveRules(ArcSwap<Rules>);

impl LiveRules {
    pub fn new(rules: Rules) -> Self {
        Self(ArcSwap::from_pointee(rules))
    }

    /// The rules for one request: a few nanoseconds, no lock. Not to be held while waiting for anything; what an
    /// admitted call needs of them it owns.
    pub fn load(&self) -> Guard<Arc<Rules>> {
        self.0.load()
    }

    /// The rules for one request that waits for something under them.
    pub fn load_full(&self) -> Arc<Rules> {
        self.0.load_full()
    }

    /// From now on these are in force. Calls that were admitted before go on as they were admitted. Gives back the
    /// rules until now.
    pub fn replace(&self, rules: Rules) -> Arc<Rules> {
        self.0.swap(Arc::new(rules))
    }
}
