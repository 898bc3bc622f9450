//! The configuration, loaded again while calls run.
//!
//! Everything that can go wrong goes wrong before anything changes: the file is read and checked, whoever follows it
//! makes ready what it needs, and only then does all of it come into force. Otherwise the old configuration stays.

use std::{future::pending, sync::Arc};

use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge},
    registry::Registry,
};
use tokio::{signal::unix::Signal, sync::watch, task::spawn_blocking};

use crate::{
    config::{Change, Config, ConfigError, Rows, Value},
    metrics::Metrics,
    rules::{LiveRules, Rules},
};

mod files;

pub use files::Files;

/// Everything that follows the configuration.
pub struct Reload {
    /// Reads and checks the sources that the program was started with.
    pub load: Box<dyn Fn() -> Result<Config, ConfigError> + Send>,
    /// What the file says, with what the program adds to it.
    pub rules: Box<dyn Fn(Option<Rows>) -> Rules + Send>,
    pub live: Arc<LiveRules>,
    pub metrics: Arc<Metrics>,
    pub followers: Vec<Follower>,
    /// What the program runs on: the values that it was started with.
    pub running: Vec<Value>,
    /// Whether the file in force has any rows.
    pub has_rows: bool,
}

/// Something else that follows the configuration: a log level, certificates. It makes ready whatever could go wrong,
/// and gives back what puts it into force.
pub type Follower = Box<dyn Fn(&Config) -> Result<Commit, Cause> + Send>;

/// Puts into force what was made ready. Cannot fail.
pub type Commit = Box<dyn FnOnce() + Send>;

/// Why something cannot follow.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why the old configuration stays.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Gone, or cut off by somebody who is still writing: nobody takes every function away in this manner.
    #[error("the configuration file is gone or empty; restart to run without it")]
    Emptied,
    #[error("what the configuration names cannot be used")]
    Unusable(#[source] Cause),
}

/// What a reload found.
#[derive(Debug, Default, Eq, PartialEq)]
pub struct Reloaded {
    /// `section.key` of what takes effect at the next start only.
    pub needs_restart: Vec<String>,
}

/// How reloads went.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    all: Counter,
    failures: Counter,
    last_successful: Gauge,
}

/// What makes the configuration load again.
#[derive(Debug, Default)]
pub struct Triggers {
    /// A change of its files, where they can be watched.
    pub files: Option<Files>,
    /// Functions that come or go, where rules are made of them.
    pub functions: Option<watch::Receiver<()>>,
    /// SIGHUP, where it is ours to take.
    pub hangups: Option<Signal>,
}

impl Triggers {
    /// Waits for the next one.
    async fn next(&mut self) {
        let changed = async {
            match &mut self.files {
                Some(files) => files.changed().await,
                None => pending().await,
            }
        };
        let asked = async {
            match &mut self.hangups {
                Some(hangups) => drop(hangups.recv().await),
                None => pending().await,
            }
        };
        let other_functions = async {
            if let Some(functions) = &mut self.functions
                && functions.changed().await.is_ok()
            {
                return;
            }
            pending().await
        };
        tokio::select! {
            () = changed => {}
            () = other_functions => {}
            () = asked => {}
        }
    }
}

impl Reload {
    /// Loads again whenever there is a reason to. Ends when dropped.
    pub async fn run(mut self, mut triggers: Triggers) {
        loop {
            triggers.next().await;
            // Thousands of rows take their time, and calls are answered on this thread.
            let loaded = spawn_blocking(move || {
                self.tell();
                self
            });
            match loaded.await {
                Ok(reload) => self = reload,
                Err(error) => {
                    tracing::error!(%error, "the configuration can no longer be reloaded; restart");
                    return;
                }
            }
        }
    }

    /// Loads again, and tells the operator how it went.
    fn tell(&mut self) {
        match self.now() {
            Ok(Reloaded { needs_restart }) => {
                let rules = self.live.load();
                tracing::info!(names = rules.table.rows().count(), "the configuration was reloaded");
                for setting in needs_restart {
                    tracing::warn!(setting, "this change takes effect at the next start");
                }
            }
            Err(ReloadError::Config(ConfigError::Mistakes(mistakes))) => {
                for mistake in mistakes.iter() {
                    tracing::error!(%mistake, "the configuration is wrong");
                }
                tracing::error!("the configuration was not reloaded; the old one stays in force");
            }
            Err(error) => tracing::error!(
                error = &error as &dyn std::error::Error,
                "the configuration was not reloaded; the old one stays in force"
            ),
        }
    }

    /// Loads again. Calls that were admitted go on as they were admitted; those that come later meet the new rules.
    ///
    /// # Errors
    /// Nothing has changed.
    pub fn now(&mut self) -> Result<Reloaded, ReloadError> {
        let reloaded = self.all_or_nothing();
        self.metrics.reloads.count(reloaded.is_ok());
        reloaded
    }

    fn all_or_nothing(&mut self) -> Result<Reloaded, ReloadError> {
        let config = (self.load)()?;
        let has_rows = config.rows.as_ref().is_some_and(Rows::has_any);
        if self.has_rows && !has_rows {
            return Err(ReloadError::Emptied);
        }
        let ready: Result<Vec<_>, _> = self.followers.iter().map(|follower| follower(&config)).collect();
        let ready = ready.map_err(ReloadError::Unusable)?;
        let rules = (self.rules)(config.rows);
        // The figures first: a call of a new function finds its series.
        self.metrics.follow(&rules.table);
        let before = self.live.load_full();
        self.live.replace(Rules { keys: rules.keys.carrying_on(&before.keys), ..rules });
        ready.into_iter().for_each(|commit| commit());
        self.has_rows = has_rows;
        Ok(Reloaded { needs_restart: needs_restart(&self.running, &config.values) })
    }
}

impl Figures {
    /// Registers them. Until something was reloaded, the last reload counts as successful.
    pub fn register(registry: &mut Registry) -> Self {
        let figures = Self::default();
        figures.last_successful.set(1);
        let (failures, last) = (figures.failures.clone(), figures.last_successful.clone());
        registry.register("config_reloads", "Reloads, those that failed as well", figures.all.clone());
        registry.register("config_reload_failures", "Reloads that left the old configuration", failures);
        registry.register("config_last_reload_successful", "1 unless the last reload failed", last);
        figures
    }

    fn count(&self, is_successful: bool) {
        self.all.inc();
        self.last_successful.set(is_successful.into());
        if !is_successful {
            self.failures.inc();
        }
    }
}

fn needs_restart(running: &[Value], loaded: &[Value]) -> Vec<String> {
    let is_other = |(running, loaded): &(&Value, &Value)| running.written.text != loaded.written.text;
    let changed = running.iter().zip(loaded).filter(is_other).map(|(_, loaded)| loaded.setting);
    changed
        .filter(|setting| setting.change == Change::Restart)
        .map(|setting| format!("{}.{}", setting.section, setting.key))
        .collect()
}

#[cfg(test)]
mod tests;
