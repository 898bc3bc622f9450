//! Functions that calls deploy: what is kept of them, and how what is kept becomes what runs.
//!
//! ```text
//! call ─► change of a record ─► store (on disk) ─► places and names (what runs)
//! ```
//!
//! A function of the template is deployed by the template: at each start, and whenever it is built again. What calls set of
//! its code and configuration holds until then; its versions, aliases, tags and permissions stay.

pub(crate) mod configuration;
mod program;
pub(crate) mod record;
mod running;
mod snapshot;
mod store;
mod unpack;

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use lambda_protocol::api_error::{ApiError, ErrorCode};
use tokio::task::spawn_blocking;
use uuid::Uuid;

use self::{
    configuration::Configuration,
    record::{Edition, Record, StoredCode, Url},
    snapshot::Files,
    store::{DiskError, Store},
    unpack::UnpackError,
};
use crate::{
    events::config::epoch_ms,
    function::{Function, Version},
    languages::{
        Tools,
        machine::{self, here},
    },
    run::Runner,
};
pub(crate) use unpack::UNPACKED_BYTES;

/// What was deployed by calls, now and before.
#[derive(Debug)]
pub struct Deployments {
    store: Arc<Store>,
    tools: Tools,
    /// By function, those of the template among them.
    kept: Mutex<BTreeMap<String, Kept>>,
    /// Held by who changes one, so that what is on disk and what runs change in one order.
    changing: tokio::sync::Mutex<()>,
}

#[derive(Clone, Debug)]
struct Kept {
    record: Record,
    template: Option<Template>,
    /// What the record leads to, until the service takes it over.
    ready: BTreeMap<Version, Function>,
}

/// When and as what the template's own was last deployed.
#[derive(Clone, Copy, Debug)]
struct Template {
    modified_ms: u64,
    revision: Uuid,
}

impl Deployments {
    /// Reads what is kept in `folder` and makes it ready to be run with `tools`. Blocks for some reads of files.
    ///
    /// # Errors
    /// The folder cannot be made or read, or holds what is none of ours.
    pub async fn open(folder: PathBuf, tools: Tools) -> io::Result<Self> {
        let store = Arc::new(Store::open(folder)?);
        let records = store.load()?;
        let deployments =
            Self { store, tools, kept: Mutex::default(), changing: tokio::sync::Mutex::default() };
        for (name, record) in records {
            let mut ready = BTreeMap::new();
            for version in versions(&record) {
                ready.insert(version, deployments.function(&name, version, &record).await);
            }
            deployments.kept().insert(name, Kept { record, template: None, ready });
        }
        Ok(deployments)
    }

    /// The functions whose event-invoke-configs are known by another name than theirs: name and qualifier.
    pub(crate) fn qualified(&self) -> Vec<(String, String)> {
        let kept = self.kept();
        let of_one = |(name, Kept { record, .. }): (&String, &Kept)| {
            let qualifiers = record.versions.keys().map(u64::to_string).chain(record.aliases.keys().cloned());
            qualifiers.map(|qualifier| (name.clone(), qualifier)).collect::<Vec<_>>()
        };
        kept.iter().flat_map(of_one).collect()
    }

    /// The functions that are the calls' alone.
    pub(crate) fn own_functions(&self) -> Vec<Function> {
        let latest = |kept: &Kept| kept.ready.get(&Version::Latest).cloned();
        self.kept().values().filter_map(latest).collect()
    }

    /// The template's function was built again, and runs.
    pub(crate) fn built_again(&self, function: &Function, now: SystemTime) {
        let mut all = self.kept();
        let Some(kept) = all.get_mut(&function.name) else { return };
        let was_changed = kept.record.latest.is_some();
        kept.deploy_template(function, &self.store, now);
        if was_changed && let Err(error) = self.store.save(&function.name, &kept.record) {
            tracing::warn!(function = function.name, %error, "what was deployed over it is forgotten at the next start only");
        }
    }

    /// What is kept of the function, with `$LATEST` in it also where that is the template's. `None`: there is none.
    pub(crate) fn record(&self, name: &str, runner: &Runner) -> Option<Record> {
        let at = runner.functions.named(name)?;
        let Kept { mut record, template, .. } = self.kept().get(name)?.clone();
        if record.latest.is_none() {
            record.latest = Some(template?.edition(&runner.functions.get(at)));
        }
        Some(record)
    }

    /// A new function. Durable, and running, when this returns.
    ///
    /// # Errors
    /// There is one of that name, or the disk refuses.
    pub(crate) async fn create(&self, name: &str, record: Record, runner: &Runner) -> Result<(), ApiError> {
        let _one_at_a_time = self.changing.lock().await;
        if runner.functions.named(name).is_some() {
            self.forget_code(&record, &Record::default());
            return Err(ApiError::function_exists(name));
        }
        self.put(name, &Record::default(), record, runner).await
    }

    /// Changes what is kept of a function, and what runs with it. `change` sees `$LATEST` also where it is the template's.
    ///
    /// # Errors
    /// What `change` says against it; there is no such function; or the disk refuses, and nothing has changed.
    pub(crate) async fn change<T>(
        &self,
        name: &str,
        runner: &Runner,
        change: impl FnOnce(&mut Record) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        let _one_at_a_time = self.changing.lock().await;
        let Some(before) = self.record(name, runner) else {
            return Err(ApiError::service("The function is gone."));
        };
        let mut record = before.clone();
        let result = change(&mut record)?;
        if record != before {
            self.put(name, &before, record, runner).await?;
        }
        Ok(result)
    }

    /// Removes a function with all that belongs to it. Calls that run go on to their end.
    ///
    /// # Errors
    /// The disk refuses, and nothing has changed.
    pub(crate) async fn delete(&self, name: &str, runner: &Runner) -> Result<(), ApiError> {
        let _one_at_a_time = self.changing.lock().await;
        let (store, file) = (Arc::clone(&self.store), name.to_owned());
        on_disk(move || store.remove(&file)).await?;
        let Some(named) = runner.functions.entry(name) else { return Ok(()) };
        runner.functions.forget(name);
        for at in named.versions.values().chain([&named.latest]) {
            runner.driver.retire(*at);
        }
        // Its share is everybody's again.
        runner.driver.reserve(named.latest, None);
        let kept = self.kept().remove(name);
        if let Some(kept) = kept {
            self.forget_code(&kept.record, &Record::default());
        }
        Ok(())
    }

    /// Unpacks an archive.
    ///
    /// # Errors
    /// It is none that Lambda would take.
    pub(crate) async fn unpack(&self, archive: Vec<u8>) -> Result<StoredCode, ApiError> {
        let (bytes, hash) = (archive.len() as u64, lambda_protocol::sigv4::payload_hash(&archive));
        let store = Arc::clone(&self.store);
        let unpacked = spawn_blocking(move || store.unpack(&archive)).await;
        match unpacked.map_err(|_| ApiError::service("The archive could not be unpacked."))? {
            Ok(folder) => {
                Ok(StoredCode { sha256: base64_simd::STANDARD.encode_to_string(hash), bytes, folder })
            }
            Err(UnpackError::TooLarge) => Err(ApiError::too_large_unpacked(UNPACKED_BYTES)),
            Err(UnpackError::Disk(error)) => Err(disk(&error)),
            Err(error) => Err(ApiError::could_not_unzip(error)),
        }
    }

    /// The code of an edition, which is a copy where it was the template's, as that may be built again at any moment.
    ///
    /// # Errors
    /// It cannot be copied.
    pub(crate) async fn stored(
        &self,
        edition: &Edition,
        name: &str,
        runner: &Runner,
    ) -> Result<StoredCode, ApiError> {
        if !edition.code.folder.is_empty() {
            return Ok(edition.code.clone());
        }
        let Some(at) = runner.functions.named(name) else {
            return Err(ApiError::service("The function is gone."));
        };
        let (function, store) = (runner.functions.get(at), Arc::clone(&self.store));
        on_disk(move || {
            let files = Files::of(&function)?;
            let (bytes, hash) = files.measure()?;
            let copied = store.fill(|folder| files.copy_to(folder).map_err(DiskError));
            let folder = copied.map_err(|DiskError(error)| error)?;
            Ok(StoredCode { sha256: base64_simd::STANDARD.encode_to_string(hash), bytes, folder })
        })
        .await
    }

    /// Size and hash of an edition's code, also where it is the template's.
    pub(crate) async fn measured(&self, edition: &Edition, name: &str, runner: &Runner) -> StoredCode {
        let at = runner.functions.named(name).filter(|_| edition.code.folder.is_empty());
        let Some(at) = at else { return edition.code.clone() };
        let function = runner.functions.get(at);
        let measured = spawn_blocking(move || Files::of(&function)?.measure()).await;
        // What is not there yet, or cannot be read now, is nothing.
        let (bytes, hash) = measured.ok().and_then(Result::ok).unwrap_or_default();
        let sha256 = base64_simd::STANDARD.encode_to_string(hash);
        StoredCode { sha256, bytes, folder: String::new() }
    }

    /// Where an edition's code lies. `None`: it is the template's.
    pub(crate) fn folder(&self, code: &StoredCode) -> Option<PathBuf> {
        (!code.folder.is_empty()).then(|| self.store.hold(&code.folder).path().to_owned())
    }

    /// Bytes of all archives together.
    pub(crate) fn total_bytes(&self) -> u64 {
        let all = self.kept();
        let editions =
            all.values().flat_map(|kept| kept.record.latest.iter().chain(kept.record.versions.values()));
        editions.map(|edition| edition.code.bytes).sum()
    }

    /// Code that a call has brought and that is not used after all.
    pub(crate) fn give_back(&self, code: &StoredCode) {
        if !code.folder.is_empty() {
            self.store.condemn(&code.folder);
        }
    }

    async fn put(&self, name: &str, before: &Record, after: Record, runner: &Runner) -> Result<(), ApiError> {
        let template = self.kept().get(name).and_then(|kept| kept.template);
        let mut record = after.clone();
        if record.latest.as_ref().is_some_and(|latest| latest.code.folder.is_empty()) {
            // Still the template's, whose it is to say.
            record.latest = None;
        }
        let (store, file, saved) = (Arc::clone(&self.store), name.to_owned(), record.clone());
        if let Err(error) = on_disk(move || store.save(&file, &saved)).await {
            self.forget_code(&record, before);
            return Err(error);
        }
        let kept = Kept { record: record.clone(), template, ready: BTreeMap::new() };
        self.kept().insert(name.to_owned(), kept);
        self.run(name, before, &record, runner).await;
        self.forget_code(before, &record);
        Ok(())
    }

    /// Code that `before` named and `after` does not.
    fn forget_code(&self, before: &Record, after: &Record) {
        let needed: BTreeSet<_> = after.folders().collect();
        let gone: BTreeSet<_> =
            before.folders().filter(|folder| !folder.is_empty() && !needed.contains(folder)).collect();
        for folder in gone {
            self.store.condemn(folder);
        }
    }

    fn kept(&self) -> MutexGuard<'_, BTreeMap<String, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    /// The template says anew what `$LATEST` is.
    fn deploy_template(&mut self, function: &Function, store: &Store, now: SystemTime) {
        let now_ms = epoch_ms(now);
        self.template = Some(Template { modified_ms: now_ms, revision: Uuid::new_v4() });
        self.ready.remove(&Version::Latest);
        if let Some(edition) = self.record.latest.take()
            && self.record.folders().all(|folder| folder != edition.code.folder)
        {
            store.condemn(&edition.code.folder);
        }
        match &function.url {
            Some(config) => {
                let url = Url { config: config.clone(), created_ms: now_ms, modified_ms: now_ms };
                self.record.urls.entry(LATEST.to_owned()).or_insert(url).config.clone_from(config);
            }
            None => drop(self.record.urls.remove(LATEST)),
        }
    }
}

impl Template {
    fn edition(self, function: &Function) -> Edition {
        let configuration = Configuration {
            role: String::new(),
            runtime: function.runtime.clone(),
            handler: function.handler.clone(),
            timeout: u32::try_from(function.timeout.as_secs()).unwrap_or(u32::MAX),
            memory_mb: function.memory_mb,
            variables: Some(function.variables.clone()).filter(|all| !all.is_empty()),
            architecture: here().unwrap_or(machine::X86_64).to_owned(),
            dead_letter: function.events.dead_letter.clone(),
            durable: function.durable,
            ..Configuration::new()
        };
        let code = StoredCode { sha256: String::new(), bytes: 0, folder: String::new() };
        Edition { configuration, code, modified_ms: self.modified_ms, revision: self.revision }
    }
}

fn versions(record: &Record) -> impl Iterator<Item = Version> {
    let latest = record.latest.iter().map(|_| Version::Latest);
    latest.chain(record.versions.keys().map(|number| Version::Published(*number)))
}

async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, ApiError> {
    match spawn_blocking(work).await {
        Ok(done) => done.map_err(|error| disk(&error)),
        Err(_) => Err(ApiError::service("The disk could not be used.")),
    }
}

fn disk(error: &io::Error) -> ApiError {
    tracing::error!(error = error as &dyn std::error::Error, "a deployment was not kept");
    let name = "CodeStorageExceededException".to_owned();
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            let code = ErrorCode::Other { name, status: http::StatusCode::BAD_REQUEST };
            ApiError::new(code, "Code storage limit exceeded: the disk of this machine is full.")
        }
        _ => ApiError::service(error),
    }
}

/// Under which qualifier a function's own URL is kept.
pub(crate) const LATEST: &str = lambda_protocol::function::Qualifier::LATEST;
