//! The data directory: what has to outlive the process, held by one process at a time.

use std::{
    fs::{DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use stayput_core::Credential;

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
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(unusable(path))?;
        let lock_path = path.join(LOCK);
        let lock = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&lock_path);
        let lock = lock.map_err(unusable(&lock_path))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(DataDirError::Taken { path: path.to_owned() }),
            Err(TryLockError::Error(cause)) => Err(unusable(&lock_path)(cause)),
        }
    }

    /// The dev key: the one from the last time, or a new one.
    ///
    /// # Errors
    /// The file is not a key, or cannot be read or made.
    pub fn dev_key(&self) -> Result<Credential, DataDirError> {
        let path = self.path.join(DEV_KEY);
        match read_key(&path) {
            Ok(Some(key)) => Ok(key),
            Ok(None) => Err(DataDirError::NoKey { path }),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => self.make_dev_key(&path),
            Err(cause) => Err(DataDirError::Unusable { path, cause }),
        }
    }

    /// Under another name first, so that no crash leaves half a key behind.
    fn make_dev_key(&self, path: &Path) -> Result<Credential, DataDirError> {
        let make = || {
            let key = secret::fresh(DEV_KEY_PREFIX)?;
            let unfinished = self.path.join(UNFINISHED_DEV_KEY);
            let mut file =
                OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&unfinished)?;
            writeln!(file, "{key}")?;
            file.sync_all()?;
            std::fs::rename(&unfinished, path)?;
            Ok(Credential::new(key))
        };
        make().map_err(|cause| DataDirError::Unusable { path: path.to_owned(), cause })
    }
}

fn read_key(path: &Path) -> io::Result<Option<Credential>> {
    let mut text = String::new();
    File::open(path)?.take(MAX_KEY_BYTES).read_to_string(&mut text)?;
    let key = text.trim_end();
    let fits = key.len() > DEV_KEY_PREFIX.len() && key.chars().all(|c| c.is_ascii_graphic());
    Ok(fits.then(|| Credential::new(key)))
}

const LOCK: &str = "lock";
const DEV_KEY: &str = "dev-key";
const UNFINISHED_DEV_KEY: &str = "dev-key.new";
const DEV_KEY_PREFIX: &str = "dev_";

/// More than any key of ours has.
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
    fn a_file_that_is_no_key_is_not_taken_for_one() {
        let parent = tempfile::tempdir().unwrap();
        let data_dir = DataDir::open(parent.path()).unwrap();
        for text in ["", "\n", "two words\n"] {
            std::fs::write(parent.path().join(DEV_KEY), text).unwrap();
            assert!(matches!(data_dir.dev_key(), Err(DataDirError::NoKey { .. })), "{text:?}");
        }
    }
}
