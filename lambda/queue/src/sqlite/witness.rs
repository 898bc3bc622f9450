//! A file beside the database that one process holds, and that knows how many commits were acknowledged.
//!
//! SQLite takes the first damaged frame of its log for the log's end: what was committed behind it would be gone without a
//! word. The witness is written after each commit is durable and never synced itself, so after a power cut it may know
//! less than the database, but never more. A database that knows less than its witness has lost something.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read as _},
    os::unix::fs::{FileExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use super::{beside, unusable};
use crate::error::OpenError;

#[derive(Debug)]
pub(super) struct Witness {
    path: PathBuf,
    /// The kernel gives the lock back with the file, however the process ends.
    file: File,
}

impl Witness {
    /// For the database at `path`.
    pub(super) fn hold(database: &Path) -> Result<Self, OpenError> {
        let path = beside(database, "-witness");
        let options =
            OpenOptions::new().create(true).truncate(false).read(true).write(true).mode(0o600).clone();
        let file = options.open(&path).map_err(|cause| unusable(&path, cause))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { path, file }),
            Err(TryLockError::WouldBlock) => Err(OpenError::InUse { path: database.to_owned() }),
            Err(TryLockError::Error(cause)) => Err(unusable(&path, cause)),
        }
    }

    /// 0: no commit was ever acknowledged, or a power cut took the witness whole.
    pub(super) fn read(&self) -> Result<u64, OpenError> {
        let mut bytes = Vec::with_capacity(LEN);
        let mut file = &self.file;
        file.read_to_end(&mut bytes).map_err(|cause| unusable(&self.path, cause))?;
        match decode(&bytes) {
            Some(commits) => Ok(commits),
            None => Err(OpenError::Damaged { path: self.path.clone(), what: "it is no witness".to_owned() }),
        }
    }

    pub(super) fn write(&self, commits: u64) -> io::Result<()> {
        self.file.write_all_at(&encode(commits), 0)
    }
}

/// The number, its checksum, and the words that say what this is.
fn encode(commits: u64) -> [u8; LEN] {
    let number = commits.to_le_bytes();
    let mut bytes = [0; LEN];
    bytes[..8].copy_from_slice(&number);
    bytes[8..12].copy_from_slice(&crc32fast::hash(&number).to_le_bytes());
    bytes[12..].copy_from_slice(MAGIC);
    bytes
}

fn decode(bytes: &[u8]) -> Option<u64> {
    if bytes.iter().all(|byte| *byte == 0) && matches!(bytes.len(), 0 | LEN) {
        return Some(0);
    }
    let commits = u64::from_le_bytes(bytes.get(..8)?.try_into().ok()?);
    (encode(commits) == bytes).then_some(commits)
}

const LEN: usize = 32;
const MAGIC: &[u8; 20] = b"event-queue witness\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_survives_and_a_changed_byte_does_not() {
        assert_eq!(decode(&encode(77)), Some(77));
        assert_eq!(decode(&[]), Some(0));
        for at in 0..LEN {
            let mut bytes = encode(77);
            bytes[at] ^= 1;
            assert_eq!(decode(&bytes), None, "byte {at}");
            assert_eq!(decode(&encode(77)[..at]), (at == 0).then_some(0), "cut at {at}");
        }
    }
}
