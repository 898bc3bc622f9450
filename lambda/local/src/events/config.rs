//! Functions' event-invoke-configs and recursion-configs: from the template, changed by calls, kept over restarts.
//!
//! What a call has set holds until the template says something else than it did at the time of the call: then the
//! template was deployed anew, and wins, as it would on AWS.

use std::{
    collections::HashMap,
    iter,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use event_queue::{Batch, Error, EventQueue, Failure, Reader, Slot, Value, When};
use lambda_protocol::function::Qualifier;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::function::{EventInvokeConfig, Function, RecursiveLoop};

/// The configs of all functions, by name.
#[derive(Debug)]
pub(crate) struct Configs {
    /// `None`: they last as long as this process.
    queue: Option<EventQueue>,
    known: Mutex<HashMap<String, Known>>,
    /// Held by who writes, so that what is on disk and what is in memory change in one order.
    writing: tokio::sync::Mutex<()>,
}

/// One function's.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Known {
    pub(crate) config: Option<Dated>,
    pub(crate) recursive_loop: RecursiveLoop,
    template: Given,
}

/// A config and when it was last changed.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Dated {
    pub(crate) config: EventInvokeConfig,
    /// Since the epoch.
    pub(crate) modified_ms: u64,
}

/// What the template says.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
struct Given {
    config: Option<EventInvokeConfig>,
    recursive_loop: RecursiveLoop,
}

/// What a call has set, and what it was set over.
#[derive(Debug, Deserialize, Serialize)]
struct Kept<T, O> {
    set: T,
    over: O,
}

impl Configs {
    /// Reads what is kept of these functions and of these [`key`]s. Blocks for a few reads of a file.
    ///
    /// # Errors
    /// The database cannot be read, or holds what is no config.
    pub(crate) fn load<'f>(
        queue: Option<EventQueue>,
        functions: impl Iterator<Item = &'f Function>,
        qualified: impl Iterator<Item = String>,
        now: SystemTime,
    ) -> Result<Self, Failure> {
        let reader = queue.as_ref().map(EventQueue::reader).transpose()?;
        let mut known = HashMap::new();
        for function in functions {
            let template = Given {
                config: function.events.config.clone(),
                recursive_loop: function.events.recursive_loop,
            };
            let dated = |config| Dated { config, modified_ms: epoch_ms(now) };
            // SAM gives the config to the alias alone; here the function's own name is known to callers, too.
            for qualifier in iter::once(None).chain(function.alias.as_deref().map(Some)) {
                let key = key(&function.name, qualifier);
                let mut one = Known {
                    config: template.config.clone().map(dated),
                    recursive_loop: template.recursive_loop,
                    template: template.clone(),
                };
                if let (Some(queue), Some(reader)) = (&queue, &reader) {
                    one.take_up(&key, queue, reader)?;
                }
                known.insert(key, one);
            }
        }
        // Templates say nothing of the others.
        for key in qualified {
            if known.contains_key(&key) {
                continue;
            }
            let mut one = Known::default();
            if let (Some(queue), Some(reader)) = (&queue, &reader) {
                one.take_up(&key, queue, reader)?;
            }
            known.insert(key, one);
        }
        Ok(Self { queue, known: Mutex::new(known), writing: tokio::sync::Mutex::default() })
    }

    /// By [`key`], or by a function's name. Of a function that is not there: nothing, and the defaults.
    pub(crate) fn of(&self, function: &str) -> Known {
        self.known().get(function).cloned().unwrap_or_default()
    }

    /// Replaces the config of this [`key`] by what `change` makes of it, on disk first.
    ///
    /// # Errors
    /// What `change` says against it; or it could not be made durable, and nothing has changed.
    pub(crate) async fn change<E: From<Error>>(
        &self,
        function: &str,
        change: impl FnOnce(Option<&Dated>) -> Result<Option<Dated>, E>,
    ) -> Result<Option<Dated>, E> {
        let _one_at_a_time = self.writing.lock().await;
        let known = self.of(function);
        let config = change(known.config.as_ref())?;
        self.keep(&config_slot(function), &Kept { set: &config, over: &known.template.config }).await?;
        self.known().entry(function.to_owned()).or_default().config.clone_from(&config);
        Ok(config)
    }

    /// # Errors
    /// It could not be made durable, and nothing has changed.
    pub(crate) async fn set_recursion(&self, function: &str, set: RecursiveLoop) -> Result<(), Error> {
        let _one_at_a_time = self.writing.lock().await;
        let over = self.of(function).template.recursive_loop;
        self.keep(&recursion_slot(function), &Kept { set, over }).await?;
        self.known().entry(function.to_owned()).or_default().recursive_loop = set;
        Ok(())
    }

    /// Of a function, or a qualified one, that is removed. What cannot be forgotten now is taken up again by a function of the
    /// same name.
    pub(crate) async fn forget(&self, key: &str) {
        let _one_at_a_time = self.writing.lock().await;
        self.known().remove(key);
        let Some(queue) = &self.queue else { return };
        for slot in [config_slot(key), recursion_slot(key)] {
            if let Err(error) = queue.submit(Batch::new().unset(slot, When::Always)).await {
                tracing::warn!(
                    key,
                    error = &error as &dyn std::error::Error,
                    "a removed function's settings are kept"
                );
            }
        }
    }

    async fn keep(&self, slot: &Slot, kept: &impl Serialize) -> Result<(), Error> {
        let Some(queue) = &self.queue else { return Ok(()) };
        let bytes = serde_json::to_vec(kept).expect("plain members").into();
        let value = Value { bytes, expires: None };
        queue.submit(Batch::new().set(slot.clone(), value, When::Always)).await.map(drop)
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn take_up(&mut self, function: &str, queue: &EventQueue, reader: &Reader) -> Result<(), Failure> {
        if let Some(kept) =
            read::<Kept<Option<Dated>, Option<EventInvokeConfig>>>(&config_slot(function), queue, reader)?
            && kept.over == self.template.config
        {
            self.config = kept.set;
        }
        if let Some(kept) =
            read::<Kept<RecursiveLoop, RecursiveLoop>>(&recursion_slot(function), queue, reader)?
            && kept.over == self.template.recursive_loop
        {
            self.recursive_loop = kept.set;
        }
        Ok(())
    }
}

impl Dated {
    /// Seconds since the epoch with three decimals, as `LastModified` has them.
    pub(crate) fn modified_s(&self) -> String {
        let modified = Duration::from_millis(self.modified_ms);
        format!("{}.{:03}", modified.as_secs(), modified.subsec_millis())
    }
}

/// Under which name the config of a qualified function is known: each qualifier has its own.
pub(crate) fn key(function: &str, qualifier: Option<&str>) -> String {
    match qualifier {
        None | Some(Qualifier::LATEST) => function.to_owned(),
        Some(qualifier) => format!("{function}:{qualifier}"),
    }
}

pub(crate) fn epoch_ms(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

fn read<T: DeserializeOwned>(slot: &Slot, queue: &EventQueue, reader: &Reader) -> Result<Option<T>, Failure> {
    let Some(value) = reader.value(slot, queue.now())? else { return Ok(None) };
    let damaged = |error| Failure::Damaged { what: format!("{}/{}: {error}", slot.namespace(), slot.name()) };
    serde_json::from_slice(&value.bytes).map(Some).map_err(damaged)
}

fn config_slot(function: &str) -> Slot {
    Slot::parse("lambda.event-invoke-config", function)
        .expect("a name has up to 64 bytes, and a qualifier up to 128")
}

fn recursion_slot(function: &str) -> Slot {
    Slot::parse("lambda.recursion-config", function).expect("function names are no longer than 64 characters")
}
