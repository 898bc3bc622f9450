//! Which databases are opened, and what the others are told.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use event_queue::{Batch, Content, EventQueue, Limits, NewRow, OpenError, QueueName, RowId, sqlite};

#[test]
fn one_process_has_a_database_and_the_next_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    let first = open(&path).unwrap();
    assert!(matches!(open(&path), Err(OpenError::InUse { .. })));
    drop(first);
    open(&path).unwrap();
}

#[test]
fn a_newer_format_is_refused_and_left_alone() {
    let (_folder, path) = made();
    let format = 60..64;
    let mut bytes = fs::read(&path).unwrap();
    bytes[format].copy_from_slice(&2_u32.to_be_bytes());
    fs::write(&path, &bytes).unwrap();
    let error = open(&path).unwrap_err();
    assert!(matches!(error, OpenError::Newer { found: 2, known: sqlite::FORMAT, .. }), "{error}");
    assert_eq!(
        error.to_string(),
        format!("{} has format 2; this program knows formats up to 1", path.display())
    );
    assert_eq!(fs::read(&path).unwrap(), bytes);
}

#[test]
fn what_is_not_ours_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    for bytes in [b"a letter to my aunt".to_vec(), vec![0; 8_192]] {
        fs::write(&path, &bytes).unwrap();
        assert!(matches!(open(&path), Err(OpenError::Foreign { .. })));
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }
}

#[test]
fn a_database_without_its_log_or_without_itself_has_lost_something() {
    for gone in ["", "-wal"] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        let queue = open(&path).unwrap();
        put(&queue, "1");
        let killed = folder.path().join("killed");
        for ending in ["", "-wal", "-witness"] {
            fs::copy(beside(&path, ending), beside(&killed, ending)).unwrap();
        }
        fs::remove_file(beside(&killed, gone)).unwrap();
        let error = open(&killed).unwrap_err();
        assert!(matches!(error, OpenError::Lost { missing: 1, .. }), "{gone}: {error}");
    }
}

#[test]
fn a_making_that_was_interrupted_is_begun_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    fs::write(folder.path().join("db-new"), "half a database").unwrap();
    fs::write(&path, "").unwrap();
    put(&open(&path).unwrap(), "1");
}

#[test]
fn its_files_are_its_owners_alone() {
    let folder = tempfile::tempdir().unwrap();
    let queue = open(&folder.path().join("db")).unwrap();
    put(&queue, "1");
    for entry in fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", entry.path());
    }
}

fn made() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    put(&open(&path).unwrap(), "1");
    (folder, path)
}

fn open(path: &Path) -> Result<EventQueue, OpenError> {
    let mut limits = Limits::default();
    limits.total.reserve_bytes = 4_096;
    EventQueue::open(path, limits)
}

fn put(queue: &EventQueue, id: &str) {
    let row = NewRow::new(QueueName::parse("q").unwrap(), RowId::parse(id).unwrap(), Content::payload("x"));
    queue.submit_blocking(Batch::new().put(row)).unwrap();
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}
