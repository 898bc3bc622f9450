//! Files that somebody may change. Their folders are watched, not they: editors put a new file in the place of the old
//! one, and Kubernetes turns a link in the folder.

use std::{
    collections::BTreeSet,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

/// Tells when one of some files changes, appears or goes.
#[derive(Debug)]
pub struct Files {
    files: Vec<PathBuf>,
    bell: Arc<Notify>,
    watcher: RecommendedWatcher,
}

impl Files {
    /// The files need not be there, their folders must.
    ///
    /// # Errors
    /// A folder cannot be watched.
    pub fn watch(files: Vec<PathBuf>) -> notify::Result<Self> {
        let bell = Arc::new(Notify::new());
        let ring = Arc::clone(&bell);
        let names = names(&files);
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            // After an error something may have been missed: look.
            if event.is_ok_and(|event| !concerns(&event, &names)) {
                return;
            }
            ring.notify_one();
        })?;
        let mut watch = Self { files, bell, watcher };
        for file in &watch.files {
            watch.watcher.watch(folder(file), RecursiveMode::NonRecursive)?;
        }
        watch.follow_links();
        Ok(watch)
    }

    /// Returns once something has changed and nothing has for a moment: a file is written in several steps.
    pub async fn changed(&mut self) {
        quiet(&self.bell).await;
        self.follow_links();
    }

    /// Where a file is a link, whoever writes to what it leads to changes it too.
    fn follow_links(&mut self) {
        for target in self.files.iter().filter_map(|file| fs::canonicalize(file).ok()) {
            // Gone again already: then its link changes, and we come back.
            let _gone = self.watcher.watch(folder(&target), RecursiveMode::NonRecursive);
        }
    }
}

/// The last parts of paths that matter; a folder is full of others.
fn names(files: &[PathBuf]) -> BTreeSet<OsString> {
    let targets = files.iter().filter_map(|file| fs::canonicalize(file).ok());
    let all = files.iter().cloned().chain(targets);
    all.filter_map(|path| path.file_name().map(ToOwned::to_owned)).chain([KUBERNETES_LINK.into()]).collect()
}

fn concerns(event: &Event, names: &BTreeSet<OsString>) -> bool {
    // Reading is no change; we do it ourselves.
    !matches!(event.kind, EventKind::Access(_))
        && event.paths.iter().any(|path| path.file_name().is_some_and(|name| names.contains(name)))
}

async fn quiet(bell: &Notify) {
    bell.notified().await;
    let first = Instant::now();
    let mut last = first;
    loop {
        tokio::select! {
            biased;
            () = bell.notified() => last = Instant::now(),
            () = sleep_until((last + QUIET).min(first + LONGEST)) => return,
        }
        if last >= first + LONGEST {
            return;
        }
    }
}

fn folder(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))
}

/// Between the steps in which one file is written.
const QUIET: Duration = Duration::from_millis(100);

/// Somebody who never stops writing is not waited for.
const LONGEST: Duration = Duration::from_secs(2);

/// What Kubernetes turns to bring a new ConfigMap or Secret into a mounted folder; the files are links through it.
const KUBERNETES_LINK: &str = "..data";

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;

    /// Returns how long after the first of the rings it is quiet, for rings at these milliseconds.
    async fn quiet_after(rings: &[u64]) -> Duration {
        let bell = Arc::new(Notify::new());
        let begun = Instant::now();
        let waiting = tokio::spawn({
            let bell = Arc::clone(&bell);
            async move {
                quiet(&bell).await;
                begun.elapsed()
            }
        });
        for at in rings {
            sleep_until(begun + Duration::from_millis(*at)).await;
            bell.notify_one();
        }
        waiting.await.unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn several_steps_are_one_change() {
        assert_eq!(quiet_after(&[0]).await, QUIET);
        assert_eq!(quiet_after(&[0, 50, 120]).await, QUIET + Duration::from_millis(120));
    }

    #[tokio::test(start_paused = true)]
    async fn who_never_stops_is_not_waited_for() {
        let rings: Vec<_> = (0..100).map(|ring| ring * 50).collect();
        assert_eq!(quiet_after(&rings).await, LONGEST);
    }

    #[tokio::test]
    async fn a_file_written_in_place_put_in_its_place_and_made_anew_has_changed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("stayput.toml");
        let mut files = Files::watch(vec![file.clone()]).unwrap();
        fs::write(&file, "a").unwrap();
        files.changed().await;
        fs::write(&file, "b").unwrap();
        files.changed().await;
        let other = folder.path().join("stayput.toml.tmp");
        fs::write(&other, "c").unwrap();
        fs::rename(&other, &file).unwrap();
        files.changed().await;
        fs::remove_file(&file).unwrap();
        files.changed().await;
    }

    #[tokio::test]
    async fn a_turned_link_of_kubernetes_is_a_change_and_again() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let turn = |to: &str| {
            fs::create_dir(at(to)).unwrap();
            fs::write(at(to).join("stayput.toml"), to).unwrap();
            symlink(to, at("..tmp")).unwrap();
            fs::rename(at("..tmp"), at("..data")).unwrap();
        };
        turn("..one");
        symlink("..data/stayput.toml", at("stayput.toml")).unwrap();
        let mut files = Files::watch(vec![at("stayput.toml")]).unwrap();
        for to in ["..two", "..three"] {
            turn(to);
            files.changed().await;
            assert_eq!(fs::read_to_string(at("stayput.toml")).unwrap(), to);
        }
    }

    #[test]
    fn reading_and_other_files_are_no_change() {
        let names = names(&[PathBuf::from("/etc/stayput.toml")]);
        let event = |kind, path: &str| Event::new(kind).add_path(path.into());
        let read = EventKind::Access(notify::event::AccessKind::Read);
        assert!(!concerns(&event(read, "/etc/stayput.toml"), &names));
        assert!(!concerns(&event(EventKind::Any, "/etc/passwd"), &names));
        assert!(concerns(&event(EventKind::Any, "/etc/stayput.toml"), &names));
    }
}
