//! One function, as the service runs it.

use std::{collections::BTreeMap, ffi::OsString, path::PathBuf, time::Duration};

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
