//! What is kept of a function that is deployed by calls: its versions, what leads to them, and what is said of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::configuration::Configuration;
use crate::function::{FunctionUrl, Version};

/// One function, as it lies on the disk. Its members' names are the file's.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default)]
pub(crate) struct Record {
    /// `$LATEST`. `None`: the template's.
    pub(crate) latest: Option<Edition>,
    /// How many were ever published: no number is given twice.
    pub(crate) published: u64,
    pub(crate) versions: BTreeMap<u64, Edition>,
    pub(crate) aliases: BTreeMap<String, Alias>,
    pub(crate) tags: BTreeMap<String, String>,
    /// Who may call, by qualifier. Told to whoever asks; nobody is kept from calling here.
    pub(crate) policies: BTreeMap<String, Policy>,
    /// By qualifier.
    pub(crate) urls: BTreeMap<String, Url>,
    pub(crate) reserved: Option<u32>,
}

/// Code and configuration together.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Edition {
    pub(crate) configuration: Configuration,
    pub(crate) code: StoredCode,
    /// Since the epoch.
    pub(crate) modified_ms: u64,
    pub(crate) revision: Uuid,
}

/// An archive that was unpacked.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct StoredCode {
    /// Of the archive; base64.
    pub(crate) sha256: String,
    /// Of the archive.
    pub(crate) bytes: u64,
    /// Its name among the folders of code; no other archive has it.
    pub(crate) folder: String,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Alias {
    pub(crate) version: Version,
    pub(crate) description: String,
    /// Further versions and their shares of the calls, 0 to 1.
    pub(crate) weights: BTreeMap<u64, f64>,
    pub(crate) revision: Uuid,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Policy {
    /// In AWS's words, in the order in which they were added.
    pub(crate) statements: Vec<Value>,
    pub(crate) revision: Uuid,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Url {
    pub(crate) config: FunctionUrl,
    /// Since the epoch.
    pub(crate) created_ms: u64,
    /// Since the epoch.
    pub(crate) modified_ms: u64,
}

impl Alias {
    pub(crate) fn of_latest() -> Self {
        Self {
            version: Version::Latest,
            description: String::new(),
            weights: BTreeMap::new(),
            revision: Uuid::new_v4(),
        }
    }

    /// As the template has it: what was deployed last.
    pub(crate) fn lead_to_latest(&mut self) {
        if self.version != Version::Latest || !self.weights.is_empty() {
            *self = Self { description: std::mem::take(&mut self.description), ..Self::of_latest() };
        }
    }
}

impl Record {
    /// Of a version that is there.
    pub(crate) fn edition(&self, version: Version) -> Option<&Edition> {
        match version {
            Version::Latest => self.latest.as_ref(),
            Version::Published(number) => self.versions.get(&number),
        }
    }

    /// All code that this function may be run from.
    pub(crate) fn folders(&self) -> impl Iterator<Item = &str> {
        let editions = self.latest.iter().chain(self.versions.values());
        editions.map(|edition| &*edition.code.folder)
    }
}
