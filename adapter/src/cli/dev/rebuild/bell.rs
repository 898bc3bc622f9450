//! Rings when something happens to some folders and files. What that was is for others to see.

use std::{collections::BTreeSet, path::Path, sync::Arc};

use notify::{ErrorKind, Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;

/// Folders are watched one by one: below a package's folder lies what cargo builds, which is much and is no source.
#[derive(Debug)]
pub(super) struct Bell {
    rings: Arc<Notify>,
    watcher: RecommendedWatcher,
    watched: BTreeSet<Box<Path>>,
}

impl Bell {
    /// # Errors
    /// The system watches nothing for us.
    pub(super) fn new() -> notify::Result<Self> {
        let rings = Arc::new(Notify::new());
        let ring = Arc::clone(&rings);
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            // Reading is no change. After an error something may have been missed.
            if !event.is_ok_and(|event| matches!(event.kind, EventKind::Access(_))) {
                ring.notify_one();
            }
        })?;
        Ok(Self { rings, watcher, watched: BTreeSet::new() })
    }

    /// Watches these, and no others.
    ///
    /// # Errors
    /// Some are not watched: there are more than the system allows.
    pub(super) fn watch(&mut self, witnesses: &BTreeSet<&Path>) -> notify::Result<()> {
        let mut paths = self.watcher.paths_mut();
        let gone = self.watched.iter().filter(|known| !witnesses.contains(&***known));
        gone.for_each(|known| drop(paths.remove(known)));
        let mut refused = None;
        for path in witnesses {
            // Known ones, too: one may be another of the same name.
            refused = refusal(paths.add(path, RecursiveMode::NonRecursive)).or(refused);
        }
        paths.commit()?;
        self.watched = witnesses.iter().map(|path| Box::from(*path)).collect();
        refused.map_or(Ok(()), Err)
    }

    /// Waits for the next ring, or returns at once if there was one since the last.
    pub(super) async fn rung(&self) {
        self.rings.notified().await;
    }
}

fn refusal(watched: notify::Result<()>) -> Option<notify::Error> {
    // What went away meanwhile has rung, or the folder above it has.
    watched.err().filter(|error| matches!(error.kind, ErrorKind::MaxFilesWatch))
}

#[cfg(test)]
mod tests {
    use std::{fs, time::Duration};

    use tokio::time::timeout;

    use super::*;

    /// Only waited for when something is wrong.
    const PATIENCE: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn a_file_rings_when_it_is_written_and_each_time_another_takes_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let (file, other) = (folder.path().join("template.yaml"), folder.path().join("other"));
        fs::write(&file, "0").unwrap();
        let mut bell = Bell::new().unwrap();
        let watched = BTreeSet::from([file.as_path()]);
        bell.watch(&watched).unwrap();
        fs::write(&file, "1").unwrap();
        timeout(PATIENCE, bell.rung()).await.expect("it was written");
        for turn in ["2", "3"] {
            fs::write(&other, turn).unwrap();
            fs::rename(&other, &file).unwrap();
            timeout(PATIENCE, bell.rung()).await.expect("another took its place");
            bell.watch(&watched).unwrap();
        }
        fs::remove_file(&file).unwrap();
        timeout(PATIENCE, bell.rung()).await.expect("it went");
    }

    #[tokio::test]
    async fn a_folder_that_is_made_anew_rings_again() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("src");
        fs::create_dir(&inner).unwrap();
        let mut bell = Bell::new().unwrap();
        let watched = BTreeSet::from([folder.path(), inner.as_path()]);
        bell.watch(&watched).unwrap();
        fs::remove_dir(&inner).unwrap();
        fs::create_dir(&inner).unwrap();
        timeout(PATIENCE, bell.rung()).await.expect("it was made anew");
        bell.watch(&watched).unwrap();
        fs::write(inner.join("main.rs"), "").unwrap();
        timeout(PATIENCE, bell.rung()).await.expect("a file came");
    }
}
