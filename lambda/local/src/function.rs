//! One function, as the service runs it.

mod durable;
mod url;
mod version;

use std::{collections::BTreeMap, ffi::OsString, path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

pub use durable::DurableConfig;
pub use url::{Cors, FunctionUrl, InvokeMode, UrlAuth};
pub(crate) use version::Folder;
pub use version::{Code, Version};

/// A function's configuration and the program that answers for it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Function {
    /// The physical name, 1 to 64 of `A-Z a-z 0-9 - _`.
    pub name: String,
    /// SAM's word: `provided.al2023`, `python3.13`, `nodejs22.x`.
    pub runtime: String,
    /// Passed on as `_HANDLER`.
    pub handler: String,
    /// What to start, or why it cannot be: "install …".
    pub program: Result<Program, Unavailable>,
    /// The function's own variables.
    pub variables: BTreeMap<String, String>,
    /// 1 to 900 s.
    pub timeout: Duration,
    /// 128 to 10,240 MB. Reported to the function, not enforced.
    pub memory_mb: u32,
    pub reserved_concurrency: Option<u32>,
    pub events: FunctionEvents,
    /// `None`: nothing was said of one. It can be called by URL all the same.
    pub url: Option<FunctionUrl>,
    pub version: Version,
    pub code: Code,
    /// `None`: a call of it is one invocation.
    pub durable: Option<DurableConfig>,
    /// Another name for `$LATEST`, that the template gives: SAM's `AutoPublishAlias`.
    pub alias: Option<String>,
}

/// A process to start for each execution environment.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Program {
    pub executable: PathBuf,
    pub arguments: Vec<OsString>,
    /// The task root: working directory and `LAMBDA_TASK_ROOT`.
    pub directory: PathBuf,
    /// What the language needs beside AWS's variables: `PYTHONPATH`, `NODE_PATH`, `AWS_EXECUTION_ENV`.
    pub variables: BTreeMap<String, String>,
}

/// Why a function cannot run here, and what to do about it.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("unavailable ({0})")]
pub struct Unavailable(pub String);

/// What is done with a function's asynchronous events, as its template says. Calls of the API may have changed the first
/// and the last.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct FunctionEvents {
    /// `None`: there is no event-invoke-config, and AWS's defaults hold.
    pub config: Option<EventInvokeConfig>,
    /// The ARN of the queue for events that failed: `DeadLetterConfig.TargetArn`.
    pub dead_letter: Option<String>,
    pub recursive_loop: RecursiveLoop,
}

/// Lambda's `EventInvokeConfig`. What is `None` was not set.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct EventInvokeConfig {
    /// 0 to 2; AWS's default is 2.
    pub maximum_retry_attempts: Option<u32>,
    /// 60 to 21,600 s; the default is the most.
    pub maximum_event_age_s: Option<u32>,
    /// An ARN.
    pub on_success: Option<String>,
    /// An ARN.
    pub on_failure: Option<String>,
}

/// What happens to a function that calls itself again and again: `RecursiveLoop`.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub enum RecursiveLoop {
    #[default]
    Terminate,
    Allow,
}

impl RecursiveLoop {
    /// Lambda's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Terminate => "Terminate",
            Self::Allow => "Allow",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        [Self::Terminate, Self::Allow].into_iter().find(|known| known.as_str() == word)
    }
}
