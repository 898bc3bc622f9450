//! Rings when something happens in some folders. What that was is for others to see.

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

    /// Watches these folders, and no others. True: there are new ones among them, in which something may have happened
    /// before.
    ///
    /// # Errors
    /// Some are not watched: there are more than the system allows.
    pub(super) fn watch(&mut self, folders: &BTreeSet<&Path>) -> notify::Result<bool> {
        let mut paths = self.watcher.paths_mut();
        let gone = self.watched.iter().filter(|folder| !folders.contains(&***folder));
        gone.for_each(|folder| drop(paths.remove(folder)));
        let mut refused = None;
        for folder in folders {
            // Known ones, too: one may be another of the same name.
            refused = refusal(paths.add(folder, RecursiveMode::NonRecursive)).or(refused);
        }
        paths.commit()?;
        let has_new = folders.iter().any(|folder| !self.watched.contains(*folder));
        self.watched = folders.iter().map(|folder| Box::from(*folder)).collect();
        refused.map_or(Ok(has_new), Err)
    }

    /// Waits for the next ring, or returns at once if there was one since the last.
    pub(super) async fn rung(&self) {
        self.rings.notified().await;
    }
}

fn refusal(watched: notify::Result<()>) -> Option<notify::Error> {
    // A folder that went away meanwhile has rung in the one above it.
    watched.err().filter(|error| matches!(error.kind, ErrorKind::MaxFilesWatch))
}
