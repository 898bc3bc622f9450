//! What lies in some places at one moment. Two of them tell what has changed in between, whatever way it was written.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, Metadata},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::SystemTime,
};

/// Folders with all that matters in them, and single files.
#[derive(Debug, Default)]
pub(super) struct Snapshot(BTreeMap<PathBuf, Contents>);

/// Tells one version of a file from another.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Stamp {
    modified: Option<SystemTime>,
    bytes: u64,
    inode: u64,
}

/// Of one place.
#[derive(Debug, Default)]
struct Contents {
    files: BTreeMap<PathBuf, Stamp>,
    /// What sees a file added, changed or removed: folders, or the file.
    witnesses: BTreeSet<PathBuf>,
    is_cut: bool,
}

impl Snapshot {
    /// Of `places`, which need not be there, but for what lies in `apart`.
    pub(super) fn take<'a>(places: impl IntoIterator<Item = &'a PathBuf>, apart: &Path) -> Self {
        let places = places.into_iter();
        Self(places.map(|place| (place.clone(), Contents::of(place, apart))).collect())
    }

    /// Places that were looked at both times and have changed.
    pub(super) fn changed_since<'a>(&'a self, before: &'a Self) -> impl Iterator<Item = &'a Path> {
        self.0.iter().filter_map(|(place, contents)| {
            let before = before.0.get(place)?;
            (before.files != contents.files).then_some(place.as_path())
        })
    }

    /// The folders and files that see every change of these places.
    pub(super) fn witnesses(&self) -> BTreeSet<&Path> {
        self.0.values().flat_map(|contents| &contents.witnesses).map(PathBuf::as_path).collect()
    }

    /// Places with more files than are looked at.
    pub(super) fn cut(&self) -> impl Iterator<Item = &Path> {
        self.0.iter().filter(|(_, contents)| contents.is_cut).map(|(place, _)| place.as_path())
    }
}

impl Stamp {
    /// `None`: there is no such file.
    pub(super) fn of(file: &Path) -> Option<Self> {
        // Through links: what counts is what a link points to.
        let about = fs::metadata(file).ok()?;
        about.is_file().then(|| Self::new(&about))
    }

    fn new(about: &Metadata) -> Self {
        Self { modified: about.modified().ok(), bytes: about.len(), inode: about.ino() }
    }
}

impl Contents {
    fn of(place: &Path, apart: &Path) -> Self {
        let mut contents = Self::default();
        if place.is_dir() {
            contents.walk(place, apart);
        } else if let Some(stamp) = Stamp::of(place) {
            // Not its folder, where others may write much: a log, say.
            contents.files.insert(place.to_owned(), stamp);
            contents.witnesses.insert(place.to_owned());
        } else {
            // Where it would appear, or where the first of its folders would.
            let nearest = place.ancestors().skip(1).find(|folder| folder.is_dir());
            contents.witnesses.extend(nearest.map(Path::to_owned));
        }
        contents
    }

    fn walk(&mut self, root: &Path, apart: &Path) {
        let mut unseen = vec![root.to_owned()];
        while let Some(folder) = unseen.pop() {
            // A folder that went away meanwhile is empty.
            for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
                if self.files.len() + self.witnesses.len() >= MAX_ENTRIES {
                    self.is_cut = true;
                    return;
                }
                let (path, name) = (entry.path(), entry.file_name());
                // Links to folders are not followed: they may lead in circles.
                let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
                if !matters(&name.to_string_lossy(), is_folder) || path == apart {
                    continue;
                }
                if !is_folder {
                    self.files.extend(Stamp::of(&path).map(|stamp| (path, stamp)));
                } else if !path.join(MANIFEST).exists() {
                    // Another package is a place of its own, if anything is made from it.
                    unseen.push(path);
                }
            }
            self.witnesses.insert(folder);
        }
    }
}

/// Whether anything is made from what is called `name`: not what is hidden, nor what tools make.
fn matters(name: &str, is_folder: bool) -> bool {
    let is_made = if is_folder {
        ["target", "node_modules", "__pycache__"].contains(&name)
    } else {
        [".pyc", ".log", "~"].iter().any(|end| name.ends_with(end))
    };
    !name.starts_with('.') && !is_made
}

const MANIFEST: &str = "Cargo.toml";

/// Files and folders of one place. Ours: a look at as many takes a tenth of a second.
const MAX_ENTRIES: usize = 20_000;

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    struct Folder {
        folder: tempfile::TempDir,
        before: Snapshot,
    }

    impl Folder {
        fn with(files: &[&str]) -> Self {
            let mut this = Self { folder: tempfile::tempdir().unwrap(), before: Snapshot::default() };
            files.iter().for_each(|file| this.write(file, "1"));
            this.before = this.take();
            this
        }

        fn at(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        fn write(&self, file: &str, text: &str) {
            fs::create_dir_all(self.at(file).parent().unwrap()).unwrap();
            fs::write(self.at(file), text).unwrap();
        }

        fn take(&self) -> Snapshot {
            Snapshot::take(&[self.at("one"), self.at("two"), self.at("file")], &self.at("one/data"))
        }

        /// Which of the places have changed since the last time.
        fn changed(&mut self) -> Vec<String> {
            let now = self.take();
            let names = now.changed_since(&self.before);
            let names =
                names.map(|place| place.file_name().unwrap().to_string_lossy().into_owned()).collect();
            self.before = now;
            names
        }
    }

    #[test]
    fn what_is_written_replaced_added_and_removed_changes_its_place_alone() {
        let mut folder = Folder::with(&["one/src/a", "two/b", "file"]);
        assert!(folder.changed().is_empty());
        folder.write("one/src/a", "other");
        assert_eq!(folder.changed(), ["one"]);
        folder.write("two/new", "1");
        fs::rename(folder.at("two/new"), folder.at("two/b")).unwrap();
        assert_eq!(folder.changed(), ["two"], "of the same length, and another file");
        folder.write("one/deep/down/below", "1");
        assert_eq!(folder.changed(), ["one"]);
        fs::remove_file(folder.at("file")).unwrap();
        assert_eq!(folder.changed(), ["file"]);
        fs::remove_dir_all(folder.at("two")).unwrap();
        assert_eq!(folder.changed(), ["two"]);
    }

    #[test]
    fn what_is_hidden_made_by_tools_or_another_package_is_no_change() {
        let mut folder = Folder::with(&["one/a", "one/package/Cargo.toml"]);
        for file in [
            ".git/index",
            ".a.swp",
            "a~",
            "target/debug/x",
            "node_modules/x",
            "__pycache__/a.pyc",
            "x.log",
            "data/key",
            "package/src/main.rs",
        ] {
            folder.write(&format!("one/{file}"), "1");
            assert!(folder.changed().is_empty(), "{file}");
        }
    }

    #[test]
    fn a_place_that_is_new_among_them_has_not_changed() {
        let folder = Folder::with(&["one/a"]);
        let nothing = Snapshot::default();
        assert_eq!(folder.take().changed_since(&nothing).count(), 0);
    }

    #[test]
    fn folders_see_all_that_is_below_a_file_itself_and_for_what_is_missing_the_nearest_folder_sees() {
        let folder = Folder::with(&["one/src/deep/a", "one/target/x", "two/file"]);
        let places = [folder.at("one"), folder.at("two/file"), folder.at("gone/further/file")];
        let snapshot = Snapshot::take(&places, Path::new("/nowhere"));
        let expected = ["", "one", "one/src", "one/src/deep", "two/file"].map(|name| folder.at(name));
        assert_eq!(snapshot.witnesses(), expected.iter().map(PathBuf::as_path).collect());
    }

    #[test]
    fn links_in_circles_end() {
        let mut folder = Folder::with(&["one/a"]);
        symlink(folder.at("one"), folder.at("one/again")).unwrap();
        assert!(folder.changed().is_empty());
    }
}
