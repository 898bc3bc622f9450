//! The data directory: what has to outlive the process, held by one process at a time.

use std::{
    fs::{DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use event_queue::{EventQueue, Limits, OpenError};
use lambda_local::ExecutionStore;
use stayput_core::{
    Credential,
    token::{self, SealingKeys},
};

use crate::secret;

/// A data directory that is ours alone until this is dropped.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    /// The kernel gives the lock back with the file, however the process ends.
    _lock: File,
}

/// Why the data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    #[error("another stayput is using the data directory {}; choose another with --data-dir", path.display())]
    Taken { path: PathBuf },
    #[error("{} in the data directory is not a key; remove it to get a new one", path.display())]
    NoKey { path: PathBuf },
    #[error("the data directory's {} cannot be used", path.display())]
    Unusable {
        path: PathBuf,
        #[source]
        cause: io::Error,
    },
}

impl DataDir {
    /// Makes the directory if need be, for its owner only, and locks it.
    ///
    /// # Errors
    /// It is taken, or cannot be made.
    pub fn open(path: &Path) -> Result<Self, DataDirError> {
        let unusable = |path: &Path| {
            let path = path.to_owned();
            move |cause| DataDirError::Unusable { path, cause }
        };
        make_folder(path).map_err(unusable(path))?;
        let lock_path = path.join(LOCK);
        let lock = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&lock_path);
        let lock = lock.map_err(unusable(&lock_path))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(DataDirError::Taken { path: path.to_owned() }),
            Err(TryLockError::Error(cause)) => Err(unusable(&lock_path)(cause)),
        }
    }

    /// The database of asynchronous calls: what was accepted, what is to be delivered, what is remembered.
    ///
    /// # Errors
    /// It is not ours, or damaged, or from a later version; it was not changed then.
    pub fn events(&self) -> Result<EventQueue, OpenError> {
        EventQueue::open(&self.path.join(EVENTS), Limits::default())
    }

    /// Where the embedded Lambda keeps what is deployed into it.
    pub fn deployments(&self) -> PathBuf {
        self.path.join(DEPLOYMENTS)
    }

    /// Where the embedded Lambda keeps durable executions.
    ///
    /// # Errors
    /// It is in use, or of a later version, or cannot be read.
    pub fn executions(&self) -> io::Result<ExecutionStore> {
        ExecutionStore::open(&self.path.join(EXECUTIONS))
    }

    /// The dev key: the one from the last time, or a new one.
    ///
    /// # Errors
    /// The file is not a key, or cannot be read or made.
    pub fn dev_key(&self) -> Result<Credential, DataDirError> {
        let (path, key) = self.kept(DEV_KEY, DEV_KEY_PREFIX)?;
        let fits = key.len() > DEV_KEY_PREFIX.len() && key.chars().all(|c| c.is_ascii_graphic());
        if fits { Ok(Credential::new(key)) } else { Err(DataDirError::NoKey { path }) }
    }

    /// The gateway's own keys: those from the last time, or a new one. The file may be given a new first line, by which
    /// the key changes at the next start.
    ///
    /// # Errors
    /// The file holds something else, or cannot be read or made.
    pub fn gateway_keys(&self) -> Result<SealingKeys, DataDirError> {
        let (path, keys) = self.kept(GATEWAY_KEY, token::KEY_PREFIX)?;
        SealingKeys::parse(&keys).map_err(|_| DataDirError::NoKey { path })
    }

    /// The same of a directory that may be in use; nothing is made.
    ///
    /// # Errors
    /// The file is not there, or holds something else.
    pub fn kept_gateway_keys(path: &Path) -> Result<SealingKeys, DataDirError> {
        let path = path.join(GATEWAY_KEY);
        match read_text(&path) {
            Ok(keys) => SealingKeys::parse(&keys).map_err(|_| DataDirError::NoKey { path }),
            Err(cause) => Err(DataDirError::Unusable { path, cause }),
        }
    }

    /// The text of a file of keys without its last line break; made with a fresh key in it if it is not there.
    fn kept(&self, name: &str, prefix: &str) -> Result<(PathBuf, String), DataDirError> {
        let path = self.path.join(name);
        let text = match read_text(&path) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => self.make_key(&path, name, prefix),
            read => read,
        };
        match text {
            Ok(text) => Ok((path, text)),
            Err(cause) => Err(DataDirError::Unusable { path, cause }),
        }
    }

    /// Under another name first, so that no crash leaves half a key behind.
    fn make_key(&self, path: &Path, name: &str, prefix: &str) -> io::Result<String> {
        let key = secret::fresh(prefix)?;
        let unfinished = self.path.join(format!("{name}.new"));
        let mut file =
            OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&unfinished)?;
        writeln!(file, "{key}")?;
        file.sync_all()?;
        std::fs::rename(&unfinished, path)?;
        sync_names(&self.path)?;
        Ok(key)
    }
}

/// With those above it. They are there after a power cut, too: what is synced in a folder is lost with it.
fn make_folder(path: &Path) -> io::Result<()> {
    let is_missing = |folder: &&Path| !folder.as_os_str().is_empty() && !folder.exists();
    let missing: Vec<_> = path.ancestors().take_while(is_missing).collect();
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    missing.into_iter().filter_map(Path::parent).try_for_each(sync_names)
}

/// Which files a folder has.
fn sync_names(folder: &Path) -> io::Result<()> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    File::open(folder)?.sync_all()
}

fn read_text(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(MAX_KEY_BYTES).read_to_string(&mut text)?;
    text.truncate(text.trim_end().len());
    Ok(text)
}

const EVENTS: &str = "events.db";
const EXECUTIONS: &str = "executions.db";
const DEPLOYMENTS: &str = "lambda";
const LOCK: &str = "lock";
const DEV_KEY: &str = "dev-key";
const DEV_KEY_PREFIX: &str = "dev_";
const GATEWAY_KEY: &str = "gateway-key";

/// More than any file of our keys has.
const MAX_KEY_BYTES: u64 = 1_024;

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_directory_has_one_holder_at_a_time() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("a/b");
        let held = DataDir::open(&path).unwrap();
        assert!(matches!(DataDir::open(&path), Err(DataDirError::Taken { .. })));
        drop(held);
        assert!(DataDir::open(&path).is_ok());
    }

    #[test]
    fn the_dev_key_is_made_once_and_is_its_owners_alone() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("data");
        let data_dir = DataDir::open(&path).unwrap();
        let made = data_dir.dev_key().unwrap();
        assert!(made.expose().starts_with(b"dev_"));
        assert_eq!(made.expose().len(), "dev_".len() + 64, "256 bits");
        assert_eq!(data_dir.dev_key().unwrap(), made);
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(&path.join(DEV_KEY))), (0o700, 0o600));
    }

    #[test]
    fn the_gateways_key_is_made_once_and_can_be_followed_by_another() {
        let parent = tempfile::tempdir().unwrap();
        let data_dir = DataDir::open(parent.path()).unwrap();
        let made = data_dir.gateway_keys().unwrap();
        let path = parent.path().join(GATEWAY_KEY);
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let sealed = made.seal(b"a", b"test", [0; 24]);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("{}\n{text}", "0".repeat(64))).unwrap();
        assert!(data_dir.gateway_keys().unwrap().open(&sealed, b"test").is_some());
        std::fs::write(&path, "hunter2\n").unwrap();
        assert!(matches!(data_dir.gateway_keys(), Err(DataDirError::NoKey { .. })));
    }

    #[test]
    fn a_file_that_is_no_key_is_not_taken_for_one() {
        let parent = tempfile::tempdir().unwrap();
        let data_dir = DataDir::open(parent.path()).unwrap();
        for text in ["", "\n", "two words\n"] {
            std::fs::write(parent.path().join(DEV_KEY), text).unwrap();
            assert!(matches!(data_dir.dev_key(), Err(DataDirError::NoKey { .. })), "{text:?}");
        }
    }
}
