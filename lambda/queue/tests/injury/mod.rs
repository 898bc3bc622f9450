//! A stopped database, hurt in one place, and what became of its rows.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use event_queue::{
    Address, Batch, Content, EventQueue, Limits, NewRow, OpenError, Pause, QueueName, RowId, Slot, Value,
    When,
};

use crate::model::random::Random;

/// A database as a killed process leaves it: some rows in its pages, some in its log.
pub(crate) struct Stopped {
    folder: tempfile::TempDir,
}

/// What opening a hurt database came to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Verdict {
    Whole,
    Refused,
}

impl Stopped {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(LIVE);
        let queue = EventQueue::open(&path, limits()).unwrap();
        (0..ROWS / 2).for_each(|n| put(&queue, n));
        drop(queue);
        let queue = EventQueue::open(&path, limits()).unwrap();
        (ROWS / 2..ROWS).for_each(|n| put(&queue, n));
        // The files as they are now are those of a process that is killed now: nothing is in its memory only.
        for ending in ENDINGS {
            let from = beside(&path, ending);
            fs::copy(&from, beside(&folder.path().join(STOPPED), ending)).unwrap();
        }
        drop(queue);
        Self { folder }
    }

    /// Hurts a copy in a place that `random` chooses and opens it.
    ///
    /// # Errors
    /// The queue opened without a row, or with one that is not as it was.
    pub(crate) fn hurt(&self, random: &mut Random) -> Result<Verdict, String> {
        let path = self.folder.path().join(HURT);
        for ending in ENDINGS {
            fs::copy(beside(&self.folder.path().join(STOPPED), ending), beside(&path, ending)).unwrap();
        }
        let _ = fs::remove_file(beside(&path, "-shm"));
        let ending = *random.pick(&ENDINGS).expect("three of them");
        let what = injure(&beside(&path, ending), random);
        match EventQueue::open(&path, limits()) {
            Ok(queue) => {
                inspect(&queue).map(|()| Verdict::Whole).map_err(|lost| format!("{ending}: {what}: {lost}"))
            }
            Err(
                OpenError::Damaged { .. }
                | OpenError::Lost { .. }
                | OpenError::Foreign { .. }
                | OpenError::Newer { .. },
            ) => Ok(Verdict::Refused),
            Err(OpenError::Database { .. }) => Ok(Verdict::Refused),
            Err(error @ (OpenError::InUse { .. } | OpenError::Unusable { .. })) => {
                Err(format!("{ending}: {what}: {error}"))
            }
        }
    }
}

/// One byte changed, the end cut off, or a block of 512 bytes zeroed or written twice.
fn injure(path: &Path, random: &mut Random) -> String {
    let mut bytes = fs::read(path).unwrap();
    let at = usize::try_from(random.below(bytes.len() as u64)).unwrap();
    let block = at / BLOCK * BLOCK;
    let end = (block + BLOCK).min(bytes.len());
    let what = match random.below(6) {
        0..3 => {
            bytes[at] ^= u8::try_from(1 + random.below(255)).unwrap();
            format!("byte {at} changed")
        }
        3 => {
            bytes.truncate(at);
            format!("cut at {at}")
        }
        4 => {
            bytes[block..end].fill(0);
            format!("block at {block} zeroed")
        }
        _ => {
            let copy = bytes[block..end].to_vec();
            bytes.splice(end..end, copy);
            format!("block at {block} twice")
        }
    };
    fs::write(path, bytes).unwrap();
    what
}

fn inspect(queue: &EventQueue) -> Result<(), String> {
    let reader = queue.reader().map_err(|error| error.to_string())?;
    for n in 0..ROWS {
        let address = Address { queue: name(), id: id(n) };
        let found = reader.show(&address).map_err(|error| error.to_string())?;
        let (_, content) = found.ok_or_else(|| format!("{address} is lost"))?;
        if content != self::content(n) {
            return Err(format!("{address} has another payload"));
        }
        let value = reader.value(&slot(n), queue.now()).map_err(|error| error.to_string())?;
        if value != Some(self::value(n)) {
            return Err(format!("the value of {address} is lost"));
        }
    }
    let depth = reader.depth(&name()).map_err(|error| error.to_string())?;
    if depth.rows() == ROWS { Ok(()) } else { Err(format!("{depth:?}")) }
}

fn put(queue: &EventQueue, n: u64) {
    let row =
        NewRow { pause: Pause::exactly(Duration::from_secs(n)), ..NewRow::new(name(), id(n), content(n)) };
    queue.submit_blocking(Batch::new().put(row).set(slot(n), value(n), When::Absent)).unwrap();
}

fn content(n: u64) -> Content {
    let long = if n.is_multiple_of(9) { 5_000 } else { 300 };
    Content { attributes: format!("{n}").into(), payload: vec![u8::try_from(n).unwrap(); long].into() }
}

fn value(n: u64) -> Value {
    Value { bytes: format!("value {n}").into(), expires: None }
}

fn slot(n: u64) -> Slot {
    Slot::parse("ledger", &n.to_string()).unwrap()
}

fn id(n: u64) -> RowId {
    RowId::parse(&format!("row-{n}")).unwrap()
}

fn name() -> QueueName {
    QueueName::parse("q").unwrap()
}

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.total.reserve_bytes = 4_096;
    limits
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

const ROWS: u64 = 40;
const BLOCK: usize = 512;
const ENDINGS: [&str; 3] = ["", "-wal", "-witness"];
const LIVE: &str = "live.db";
const STOPPED: &str = "stopped.db";
const HURT: &str = "hurt.db";
