//! A process is killed while it puts: what it said was put is there.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::{
    env, fs,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Command, Stdio},
};

use event_queue::{Address, Batch, Content, EventQueue, Limits, NewRow, QueueName, RowId};

#[test]
fn what_was_acknowledged_survives_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    let mut acknowledged = Vec::new();
    for kill in 0..KILLS {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["the_process_that_is_killed", "--exact", "--nocapture"])
            .env(PATH, &path)
            .env(KILL, kill.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let enough = 20 + 37 * kill;
        let mut read = 0;
        while read < enough {
            read +=
                u32::from(remember(&mut acknowledged, &lines.next().expect("it puts until it is killed")));
        }
        child.kill().unwrap();
        for line in lines {
            remember(&mut acknowledged, &line);
        }
        child.wait().unwrap();
    }
    let queue = EventQueue::open(&path, limits()).unwrap();
    let reader = queue.reader().unwrap();
    for id in &acknowledged {
        let address = Address { queue: name(), id: RowId::parse(id).unwrap() };
        let (_, content) = reader.show(&address).unwrap().unwrap_or_else(|| panic!("{id} is lost"));
        assert_eq!(content.payload, id.as_bytes());
    }
    let there = reader.depth(&name()).unwrap().rows();
    let in_doubt = u64::from(KILLS) * THREADS;
    let said = acknowledged.len() as u64;
    assert!((said..=said + in_doubt).contains(&there), "{there} rows, {said} acknowledged");
    assert!(!fs::exists(folder.path().join("db-new")).unwrap());
}

/// No test by itself: the test above starts it, and it puts until it is killed.
#[test]
fn the_process_that_is_killed() {
    let Some(path) = env::var_os(PATH) else { return };
    let kill = env::var(KILL).unwrap();
    let queue = EventQueue::open(Path::new(&path), limits()).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (queue, kill) = (&queue, &kill);
            scope.spawn(move || {
                for n in 0_u64.. {
                    let id = format!("{kill}-{thread}-{n}");
                    let row = NewRow::new(name(), RowId::parse(&id).unwrap(), Content::payload(id.clone()));
                    queue.submit_blocking(Batch::new().put(row)).unwrap();
                    // One write, so that a kill cuts no line in two.
                    let mut out = std::io::stdout().lock();
                    out.write_all(format!("{SAYS}{id}\n").as_bytes()).unwrap();
                    out.flush().unwrap();
                }
            });
        }
    });
}

/// Whether the line is one of the child's, and not of the test harness.
fn remember(acknowledged: &mut Vec<String>, line: &str) -> bool {
    // The harness writes its own line without an end first.
    let Some((_, id)) = line.split_once(SAYS) else { return false };
    acknowledged.push(id.to_owned());
    true
}

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.total.reserve_bytes = 4_096;
    limits
}

fn name() -> QueueName {
    QueueName::parse("q").unwrap()
}

const KILLS: u32 = 6;
const THREADS: u64 = 4;
const PATH: &str = "EVENT_QUEUE_KILL_PATH";
const KILL: &str = "EVENT_QUEUE_KILL_NUMBER";
const SAYS: &str = "acknowledged ";
