//! A function's archive becomes a folder: nothing outside of it is touched, and nothing of it is larger than Lambda allows.

use std::{
    collections::BTreeSet,
    fs::{self, DirBuilder, OpenOptions, Permissions},
    io::{self, Cursor, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt, symlink},
    path::{Component, Path, PathBuf},
};

use zip::{ZipArchive, read::ZipFile, result::ZipError};

/// Why an archive is not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UnpackError {
    #[error("it is no zip archive: {0}")]
    NoArchive(#[from] ZipError),
    #[error("it holds nothing")]
    Empty,
    #[error("it holds more than {MAX_ENTRIES} files")]
    TooMany,
    #[error("unpacked it is too large")]
    TooLarge,
    #[error("{name:?} in it {why}")]
    Entry { name: String, why: &'static str },
    #[error("the disk: {0}")]
    Disk(#[source] io::Error),
}

/// Unpacks `archive` into the folder `root`, which must be there and empty. What is left of an archive that is refused is the
/// caller's to remove.
///
/// # Errors
/// It is no archive, or one that reaches out of the folder, or too large. Blocks.
pub(crate) fn unpack(archive: &[u8], root: &Path) -> Result<(), UnpackError> {
    within(UNPACKED_BYTES, archive, root)
}

/// With a limit of its own.
fn within(most: u64, archive: &[u8], root: &Path) -> Result<(), UnpackError> {
    let mut archive = ZipArchive::new(Cursor::new(archive))?;
    match archive.len() {
        0 => return Err(UnpackError::Empty),
        count if count > MAX_ENTRIES => return Err(UnpackError::TooMany),
        _ => {}
    }
    let mut unpacking = Unpacking { root, left: most, links: Vec::new(), taken: BTreeSet::new() };
    for at in 0..archive.len() {
        unpacking.take(&mut archive.by_index(at)?)?;
    }
    unpacking.link()
}

struct Unpacking<'a> {
    root: &'a Path,
    /// Bytes that may still be unpacked.
    left: u64,
    /// Where, and what to. Made last, so that no file is written through one.
    links: Vec<(PathBuf, PathBuf)>,
    /// Files and links.
    taken: BTreeSet<PathBuf>,
}

impl Unpacking<'_> {
    fn take(&mut self, entry: &mut ZipFile<'_, Cursor<&[u8]>>) -> Result<(), UnpackError> {
        let name = entry.name()?.into_owned();
        let refused = |why| UnpackError::Entry { name: name.clone(), why };
        if entry.encrypted() {
            return Err(refused("is encrypted"));
        }
        let path = inside(&name).ok_or_else(|| refused("is a path that leads out of the archive"))?;
        let failed = |error| failed(error, &name);
        if entry.is_dir() {
            return self.make_folder(&path).map_err(failed);
        }
        if path.as_os_str().is_empty() || !self.taken.insert(path.clone()) {
            return Err(refused("is there twice, or is no file"));
        }
        if entry.is_symlink() {
            let mut target = String::new();
            let most = u64::try_from(MAX_LINK_BYTES).unwrap_or(u64::MAX);
            let read = entry.by_ref().take(most).read_to_string(&mut target);
            read.map_err(|_| refused("is a link to what is no path"))?;
            let depth = path.components().count() - 1;
            let target = link_target(&target, depth);
            self.links
                .push((path, target.ok_or_else(|| refused("is a link that leads out of the archive"))?));
            return Ok(());
        }
        if let Some(parent) = path.parent() {
            self.make_folder(parent).map_err(failed)?;
        }
        // What the archive says of the size may be a lie: what is written is counted.
        self.write(entry, &path)
    }

    fn write(&mut self, entry: &mut ZipFile<'_, Cursor<&[u8]>>, path: &Path) -> Result<(), UnpackError> {
        let mode = entry.unix_mode().unwrap_or(DEFAULT_MODE) & 0o755 | 0o600;
        let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(self.root.join(path));
        let mut file = file.map_err(|error| failed(error, &path.to_string_lossy()))?;
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            let read = entry.read(&mut buffer).map_err(ZipError::from)?;
            if read == 0 {
                return Ok(());
            }
            self.left = self.left.checked_sub(read as u64).ok_or(UnpackError::TooLarge)?;
            file.write_all(&buffer[..read]).map_err(UnpackError::Disk)?;
        }
    }

    fn make_folder(&self, path: &Path) -> io::Result<()> {
        let folder = self.root.join(path);
        DirBuilder::new().recursive(true).mode(0o755).create(&folder)?;
        fs::set_permissions(folder, Permissions::from_mode(0o755))
    }

    fn link(&self) -> Result<(), UnpackError> {
        let links: BTreeSet<&Path> = self.links.iter().map(|(path, _)| &**path).collect();
        for (path, target) in &self.links {
            if path.ancestors().skip(1).any(|above| links.contains(above)) {
                // Where that leads, its own target's steps up would begin.
                let name = path.to_string_lossy().into_owned();
                return Err(UnpackError::Entry { name, why: "is below a link" });
            }
            let failed = |error| failed(error, &path.to_string_lossy());
            if let Some(parent) = path.parent() {
                self.make_folder(parent).map_err(failed)?;
            }
            symlink(target, self.root.join(path)).map_err(failed)?;
        }
        Ok(())
    }
}

/// Some of the disk's refusals are the archive's own doing.
fn failed(error: io::Error, name: &str) -> UnpackError {
    use io::ErrorKind::{AlreadyExists, InvalidFilename, InvalidInput, IsADirectory, NotADirectory};
    match error.kind() {
        AlreadyExists | InvalidFilename | InvalidInput | IsADirectory | NotADirectory => UnpackError::Entry {
            name: name.to_owned(),
            why: "is in the way of another, or no name for a file",
        },
        _ => UnpackError::Disk(error),
    }
}

/// The path that an entry's name stands for, below the root. `None`: it is elsewhere.
fn inside(name: &str) -> Option<PathBuf> {
    if name.contains(['\0', '\\']) {
        return None;
    }
    let mut path = PathBuf::new();
    for part in Path::new(name).components() {
        match part {
            Component::Normal(part) => path.push(part),
            Component::CurDir => {}
            Component::Prefix(_) | Component::RootDir | Component::ParentDir => return None,
        }
    }
    Some(path)
}

/// What a link below `depth` folders may lead to: some steps up, and then down only. A step up behind a name could be one
/// up from wherever another link leads.
fn link_target(target: &str, depth: usize) -> Option<PathBuf> {
    let mut up = 0;
    let mut goes_down = false;
    for part in Path::new(target).components() {
        match part {
            Component::ParentDir if !goes_down => up += 1,
            Component::CurDir => {}
            Component::Normal(_) => goes_down = true,
            Component::Prefix(_) | Component::RootDir | Component::ParentDir => return None,
        }
    }
    let fits = !target.contains('\0') && target.len() < MAX_LINK_BYTES && up <= depth;
    (fits && (goes_down || up > 0)).then(|| target.into())
}

/// All files of a function together, bytes: 250 MiB. Source: Lambda quotas page, "Deployment package size, unzipped".
pub(crate) const UNPACKED_BYTES: u64 = 262_144_000;

/// Ours: Lambda names no number; the largest packages of `node_modules` stay below.
const MAX_ENTRIES: usize = 200_000;

/// Linux's own limit of paths, `PATH_MAX`.
const MAX_LINK_BYTES: usize = 4_096;

/// Of an archive that was made where files have no modes: what everybody may read, and nobody start.
const DEFAULT_MODE: u32 = 0o644;

const BUFFER_BYTES: usize = 64 << 10;

#[cfg(test)]
mod tests;
