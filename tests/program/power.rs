//! A power cut: what a killed program had written and not synced is taken back.
//!
//! A small library in C ([`power/unsynced.c`](power/unsynced.c)) is loaded into the program and writes down what was
//! there before each change, until the file is synced. [`Power::cut`] puts that back once the program is dead. Linux.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    process::Command,
};

/// What stands between a program and its disk.
#[derive(Debug)]
pub(crate) struct Power {
    library: PathBuf,
    journal: PathBuf,
    root: PathBuf,
}

impl Power {
    /// For the files below `root`, whose folder is there; its own files lie beside it.
    pub(crate) fn over(root: &Path) -> Self {
        let folder = root.parent().expect("a folder").canonicalize().expect("it is there");
        let root = folder.join(root.file_name().expect("a name"));
        let (library, source) = (folder.join("unsynced.so"), folder.join("unsynced.c"));
        fs::write(&source, include_bytes!("power/unsynced.c")).expect("a file");
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-o"]);
        let compiled = compiler.args([&library, &source]).arg("-ldl").status().expect("a C compiler");
        assert!(compiled.success(), "unsynced.c does not compile");
        let journal = folder.join("unsynced");
        fs::create_dir(&journal).expect("a folder");
        Self { library, journal, root }
    }

    /// For the program, which is killed at its `cut_at`th sync if that is wanted.
    pub(crate) fn environment(&self, cut_at: Option<usize>) -> Vec<(&'static str, String)> {
        let text = |path: &Path| path.to_str().expect("a plain path").to_owned();
        let mut variables = vec![
            ("LD_PRELOAD", text(&self.library)),
            ("UNSYNCED_ROOT", text(&self.root)),
            ("UNSYNCED_JOURNAL", text(&self.journal)),
        ];
        variables.extend(cut_at.map(|sync| ("UNSYNCED_CUT_AT", sync.to_string())));
        variables
    }

    /// Takes back what is not synced; the program is dead. `reached` says of one change at a time, in no order, whether
    /// it came to be on the disk all the same. Returns the number of changes that were taken back.
    pub(crate) fn cut(&self, mut reached: impl FnMut() -> bool) -> usize {
        let mut undone = 0;
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.journal).expect("a folder").flatten() {
            let path = entry.path();
            match path.extension().and_then(|ending| ending.to_str()) {
                Some("log") => undone += self.content(&path, &mut reached).expect("its content"),
                Some("names") => names.push(path),
                _ => {}
            }
        }
        for path in names {
            undone += self.names(&path, &mut reached).expect("its names");
        }
        for entry in fs::read_dir(&self.journal).expect("a folder").flatten() {
            fs::remove_file(entry.path()).expect("it is ours");
        }
        // What only lies in memory is gone.
        let _none = fs::remove_file(self.root.join("events.db-shm"));
        undone
    }

    /// Any of the changes since the last sync may have reached the disk, not only the first ones.
    fn content(&self, log: &Path, reached: &mut dyn FnMut() -> bool) -> io::Result<usize> {
        let file = OpenOptions::new().read(true).write(true).open(log.with_extension("file"))?;
        let all = fs::read(log)?;
        let mut rest = &all[..];
        let changes: Vec<_> = std::iter::from_fn(|| Change::read(&mut rest)).collect();
        let written =
            changes.iter().rev().map(|change| change.undo(&file)).collect::<io::Result<Vec<_>>>()?;
        let mut undone = 0;
        for (change, written) in changes.iter().zip(written.into_iter().rev()) {
            if reached() {
                change.redo(&file, &written)?;
            } else {
                undone += 1;
            }
        }
        Ok(undone)
    }

    /// Of names the first ones may have reached it: file systems write them in order.
    fn names(&self, log: &Path, reached: &mut dyn FnMut() -> bool) -> io::Result<usize> {
        let text = fs::read_to_string(log)?;
        let undone: Vec<_> = text.lines().skip_while(|_| reached()).collect();
        let held = |inode: &str| self.journal.join(format!("{inode}.file"));
        for line in undone.iter().rev() {
            let (what, rest) = line.split_once(' ').unwrap_or_default();
            match (what, &rest.split('\t').collect::<Vec<_>>()[..]) {
                ("made", [path]) if Path::new(path).is_dir() => fs::remove_dir_all(path)?,
                // It may not have come to be.
                ("made", [path]) => drop(fs::remove_file(path)),
                ("removed", [path, inode]) => drop(fs::hard_link(held(inode), path)),
                ("renamed", [from, to, inode]) => {
                    if !Path::new(from).exists() {
                        fs::rename(to, from)?;
                    }
                    drop(fs::hard_link(held(inode), to));
                }
                _ => return Err(io::Error::other((*line).to_owned())),
            }
        }
        Ok(undone.len())
    }
}

/// `struct change` in the library, and what follows it.
struct Change {
    offset: u64,
    /// [`CUT`]: the file was cut to `offset`.
    length: u64,
    size: u64,
    before: Vec<u8>,
}

/// What a change had made of the file.
struct Written {
    size: u64,
    bytes: Vec<u8>,
}

impl Change {
    /// Takes one off the front; `None` at the end, or where the program was killed as it wrote: then what it writes
    /// down was not done yet.
    fn read(rest: &mut &[u8]) -> Option<Self> {
        let (head, behind) = rest.split_first_chunk::<HEAD_BYTES>()?;
        let number = |at: usize| u64::from_ne_bytes(head[at * 8..at * 8 + 8].try_into().expect("eight"));
        let [offset, length, size, kept] = [0, 1, 2, 3].map(number);
        let (before, behind) = behind.split_at_checked(usize::try_from(kept).ok()?)?;
        let before = before.to_vec();
        *rest = behind;
        Some(Self { offset, length, size, before })
    }

    fn undo(&self, file: &File) -> io::Result<Written> {
        let size = file.metadata()?.len();
        let there = if self.length == CUT { 0 } else { self.length.min(size.saturating_sub(self.offset)) };
        let mut bytes = vec![0; usize::try_from(there).map_err(io::Error::other)?];
        file.read_exact_at(&mut bytes, self.offset)?;
        file.set_len(self.size)?;
        file.write_all_at(&self.before, self.offset)?;
        Ok(Written { size, bytes })
    }

    fn redo(&self, file: &File, written: &Written) -> io::Result<()> {
        match self.length {
            CUT => file.set_len(written.size),
            _ => file.write_all_at(&written.bytes, self.offset),
        }
    }
}

const HEAD_BYTES: usize = 32;
const CUT: u64 = u64::MAX;
