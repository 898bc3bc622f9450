//! Which version of a function one is, and what its code lies in.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use lambda_protocol::function::Qualifier;
use serde::{Deserialize, Serialize};

/// `Display` is Lambda's word for it.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub enum Version {
    /// What is being worked on: `$LATEST`.
    #[default]
    Latest,
    /// What was published and never changes: 1, 2, ….
    Published(u64),
}

/// The folder that the service keeps for a function's code, if it keeps one: nothing removes it while anybody has this.
#[derive(Clone, Debug, Default)]
pub struct Code(Option<Arc<Folder>>);

/// A folder of code.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    /// Goes with the last who holds it.
    is_condemned: AtomicBool,
}

impl Version {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text {
            Qualifier::LATEST => Some(Self::Latest),
            number if number.bytes().all(|byte| byte.is_ascii_digit()) => {
                number.parse().ok().map(Self::Published)
            }
            _ => None,
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latest => f.write_str(Qualifier::LATEST),
            Self::Published(number) => number.fmt(f),
        }
    }
}

impl Code {
    pub(crate) fn held(folder: Arc<Folder>) -> Self {
        Self(Some(folder))
    }
}

impl Folder {
    pub(crate) fn at(path: PathBuf) -> Arc<Self> {
        Arc::new(Self { path, is_condemned: AtomicBool::new(false) })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Nothing names it any more.
    pub(crate) fn condemn(&self) {
        self.is_condemned.store(true, Ordering::Relaxed);
    }
}

/// Blocks for as long as the file system takes: rarely, and for folders of code only.
impl Drop for Folder {
    fn drop(&mut self) {
        if self.is_condemned.load(Ordering::Relaxed)
            && let Err(error) = fs::remove_dir_all(&self.path)
        {
            tracing::warn!(folder = %self.path.display(), %error, "code that nobody runs any more stays on the disk");
        }
    }
}

impl PartialEq for Code {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (one, other) => one.is_none() && other.is_none(),
        }
    }
}

impl Eq for Code {}
