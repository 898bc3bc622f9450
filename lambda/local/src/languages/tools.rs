//! Where this machine's languages are.

use std::{
    env,
    ffi::{OsStr, OsString},
    path::{self, Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use tokio::{process::Command, time::timeout};

/// What to look for languages with. Read from the environment once, at the edge.
#[derive(Clone, Debug)]
pub struct Tools {
    /// `PATH`.
    pub search_path: OsString,
    /// `VIRTUAL_ENV`: Python's active environment.
    pub virtual_env: Option<PathBuf>,
    /// `CARGO`, or else `cargo`.
    pub cargo: OsString,
    /// A folder of our own, where the Node loop is written to.
    pub data_directory: PathBuf,
}

impl Tools {
    /// Those of this process.
    pub fn from_environment(data_directory: PathBuf) -> Self {
        Self {
            search_path: env::var_os("PATH").unwrap_or_default(),
            virtual_env: env::var_os("VIRTUAL_ENV").map(PathBuf::from),
            cargo: env::var_os("CARGO").unwrap_or_else(|| "cargo".into()),
            data_directory,
        }
    }

    /// The first file of that name on the search path.
    pub(super) fn find(&self, name: &str) -> Option<PathBuf> {
        let paths = env::split_paths(&self.search_path).map(|folder| folder.join(name));
        paths.filter_map(|path| path::absolute(path).ok()).find(|path| path.is_file())
    }
}

/// Standard output of a short command that succeeds; `None` if it fails, is missing or takes too long.
pub(super) async fn ask(executable: &Path, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new(executable);
    command
        .args(arguments.iter().map(OsStr::new))
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    let output = timeout(PATIENCE, command.output()).await.ok()?.ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// How long a language may take to say that it is there. Ours: a cold Python on a busy machine takes 2 s.
const PATIENCE: Duration = Duration::from_secs(20);
