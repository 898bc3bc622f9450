//! The configuration, followed while a command runs.

use std::{path::PathBuf, sync::Arc};

use tokio::{signal::unix::Signal, sync::watch};

use super::{logging::SetLevel, terminal::say};
use crate::{
    config::{self, Config, Flag, Rows, Value},
    metrics::Metrics,
    reload::{Files, Follower, Reload, Triggers},
    rules::{LiveRules, Rules},
};

/// What a command was started with, to be read again.
#[derive(Clone, Debug)]
pub(super) struct Source {
    /// The file that the command line names.
    pub(super) file: Option<PathBuf>,
    pub(super) flags: Vec<Flag>,
}

/// A command that follows its configuration.
pub(super) struct Following {
    pub(super) source: Source,
    /// What it was started with.
    pub(super) running: Vec<Value>,
    pub(super) has_rows: bool,
    pub(super) live: Arc<LiveRules>,
    pub(super) metrics: Arc<Metrics>,
    /// What the file says, with what the command adds to it.
    pub(super) rules: Box<dyn Fn(Option<Rows>) -> Rules + Send>,
    pub(super) set_level: SetLevel,
    /// What follows besides rules and log level.
    pub(super) followers: Vec<Follower>,
    /// Files besides the configuration whose change is one of the configuration.
    pub(super) files: Vec<PathBuf>,
    /// The functions that there are, where they come and go.
    pub(super) functions: Option<watch::Receiver<()>>,
    pub(super) hangups: Option<Signal>,
}

impl Following {
    /// Follows from now on. Ends when dropped.
    pub(super) fn run(self) -> impl Future<Output = ()> + Send + use<> {
        let Self { source, running, has_rows, live, metrics, rules, .. } = self;
        let Self { set_level, mut followers, mut files, functions, hangups, .. } = self;
        let set_level = Arc::new(set_level);
        followers.push(Box::new(move |config| {
            let (level, set_level) = (config.gateway.log_level, Arc::clone(&set_level));
            Ok(Box::new(move || set_level(level)))
        }));
        files.push(config::file_path(source.file.as_deref()));
        let files = Files::watch(files)
            .inspect_err(|cause| {
                say(format_args!("warning: changes of the configuration will not be seen ({cause})"));
            })
            .ok();
        let reload = Reload {
            load: Box::new(move || Config::load(source.file.as_deref(), source.flags.clone())),
            rules,
            live,
            metrics,
            followers,
            running,
            has_rows,
        };
        reload.run(Triggers { files, functions, hangups })
    }
}
