//! Where deployed functions lie on the disk, over restarts.
//!
//! ```text
//! functions/NAME.json     one record each, replaced whole
//! code/FOLDER/            one unpacked archive each, never changed
//! ```

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, Weak},
};

use uuid::Uuid;

use super::{
    record::Record,
    unpack::{UnpackError, unpack},
};
use crate::function::Folder;

#[derive(Debug)]
pub(crate) struct Store {
    root: PathBuf,
    /// Folders of code that somebody holds.
    held: Mutex<HashMap<String, Weak<Folder>>>,
}

impl Store {
    /// Makes what is missing, for this user only. Blocks.
    ///
    /// # Errors
    /// It cannot be made.
    pub(crate) fn open(root: PathBuf) -> io::Result<Self> {
        for folder in [&*root, &root.join(FUNCTIONS), &root.join(CODE)] {
            DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        Ok(Self { root, held: Mutex::default() })
    }

    /// All records, by function. Code that none of them names is removed: a crash left it. Blocks.
    ///
    /// # Errors
    /// One cannot be read, or is none.
    pub(crate) fn load(&self) -> io::Result<BTreeMap<String, Record>> {
        let mut records = BTreeMap::new();
        for entry in fs::read_dir(self.root.join(FUNCTIONS))? {
            let path = entry?.path();
            let name =
                path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(JSON));
            let Some(name) = name else {
                fs::remove_file(&path)?;
                continue;
            };
            let record = serde_json::from_slice(&fs::read(&path)?).map_err(|error| {
                io::Error::new(io::ErrorKind::InvalidData, format!("{}: {error}", path.display()))
            })?;
            records.insert(name.to_owned(), record);
        }
        let named: HashSet<&str> = records.values().flat_map(Record::folders).collect();
        for entry in fs::read_dir(self.root.join(CODE))? {
            let entry = entry?;
            if !entry.file_name().to_str().is_some_and(|name| named.contains(name)) {
                fs::remove_dir_all(entry.path())?;
            }
        }
        Ok(records)
    }

    /// Durable when this returns. Blocks.
    ///
    /// # Errors
    /// It is not kept, and what was kept before is.
    pub(crate) fn save(&self, name: &str, record: &Record) -> io::Result<()> {
        let folder = self.root.join(FUNCTIONS);
        let unfinished = folder.join(format!("{name}.new"));
        let bytes = serde_json::to_vec_pretty(record).map_err(io::Error::other)?;
        let mut file =
            OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&unfinished)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&unfinished, folder.join(format!("{name}{JSON}")))?;
        File::open(folder)?.sync_all()
    }

    /// Blocks.
    ///
    /// # Errors
    /// It is still there.
    pub(crate) fn remove(&self, name: &str) -> io::Result<()> {
        let folder = self.root.join(FUNCTIONS);
        match fs::remove_file(folder.join(format!("{name}{JSON}"))) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => File::open(folder)?.sync_all(),
        }
    }

    /// Unpacks `archive` into a new folder and says its name. Blocks.
    ///
    /// # Errors
    /// Nothing of it is left.
    pub(crate) fn unpack(&self, archive: &[u8]) -> Result<String, UnpackError> {
        self.fill(|folder| unpack(archive, folder))
    }

    /// Makes a new folder of code and has it filled. Blocks.
    ///
    /// # Errors
    /// It could not be; nothing of it is left.
    pub(crate) fn fill<E: From<DiskError>>(
        &self,
        fill: impl FnOnce(&Path) -> Result<(), E>,
    ) -> Result<String, E> {
        let name = Uuid::new_v4().simple().to_string();
        let folder = self.root.join(CODE).join(&name);
        DirBuilder::new().mode(0o700).create(&folder).map_err(DiskError)?;
        match fill(&folder) {
            Ok(()) => Ok(name),
            Err(error) => {
                // What stays goes at the next start.
                let _ = fs::remove_dir_all(&folder);
                Err(error)
            }
        }
    }

    /// The folder of code, held.
    pub(crate) fn hold(&self, name: &str) -> Arc<Folder> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(folder) = held.get(name).and_then(Weak::upgrade) {
            return folder;
        }
        held.retain(|_, folder| folder.strong_count() > 0);
        let folder = Folder::at(self.root.join(CODE).join(name));
        held.insert(name.to_owned(), Arc::downgrade(&folder));
        folder
    }

    /// No record names the folder any more: it goes once nobody runs what lies in it. May block.
    pub(crate) fn condemn(&self, name: &str) {
        self.hold(name).condemn();
    }
}

/// The disk's own refusal.
#[derive(Debug)]
pub(crate) struct DiskError(pub(crate) io::Error);

impl From<DiskError> for UnpackError {
    fn from(DiskError(error): DiskError) -> Self {
        Self::Disk(error)
    }
}

const FUNCTIONS: &str = "functions";
const CODE: &str = "code";
const JSON: &str = ".json";

#[cfg(test)]
mod tests {
    use super::*;

    fn store(folder: &tempfile::TempDir) -> Store {
        Store::open(folder.path().join("lambda")).unwrap()
    }

    #[test]
    fn what_is_saved_is_there_after_a_restart_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let record = Record { published: 3, reserved: Some(0), ..Record::default() };
        store(&folder).save("one", &record).unwrap();
        store(&folder).save("two", &Record::default()).unwrap();
        store(&folder).remove("two").unwrap();
        store(&folder).remove("three").unwrap();
        fs::write(folder.path().join("lambda/functions/four.new"), "half").unwrap();
        let loaded = store(&folder).load().unwrap();
        assert_eq!(loaded, BTreeMap::from([("one".to_owned(), record)]));
        assert_eq!(fs::read_dir(folder.path().join("lambda/functions")).unwrap().count(), 1);
    }

    #[test]
    fn code_that_nobody_names_goes_with_the_last_who_runs_it() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        let fill = |path: &Path| fs::write(path.join("bootstrap"), "x").map_err(UnpackError::Disk);
        let name = store.fill(fill).unwrap();
        let path = folder.path().join("lambda/code").join(&name);
        let held = store.hold(&name);
        assert_eq!(held.path(), path);
        store.condemn(&name);
        assert!(path.exists(), "somebody runs it");
        drop(held);
        assert!(!path.exists());
    }

    #[test]
    fn a_start_removes_what_a_crash_left() {
        let folder = tempfile::tempdir().unwrap();
        let orphan = store(&folder).fill(|_| Ok::<_, UnpackError>(())).unwrap();
        store(&folder).load().unwrap();
        assert!(!folder.path().join("lambda/code").join(orphan).exists());
    }

    #[test]
    fn a_record_that_is_none_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        fs::write(folder.path().join("lambda/functions/one.json"), "{").unwrap();
        assert!(store.load().unwrap_err().to_string().contains("one.json"));
    }
}
