//! The queue as its users have it: over a real file, with its thread.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::{path::Path, time::Duration};

use event_queue::{
    Address, Answer, Ask, Batch, Content, Error, EventQueue, Key, Limits, NewRow, Pause, QueueName, Refusal,
    RowId, Rules, Slot, Standing, Value, When, sqlite,
};

#[test]
fn what_was_put_is_leased_with_its_content_and_gone_when_done() {
    let (_folder, queue) = open();
    let content = Content { attributes: "a".into(), payload: vec![0, 255, 7].into() };
    put(&queue, NewRow { content: content.clone(), key: key("k"), ..row("q", "1") }).unwrap();
    let leased = take(&queue, "q", 5);
    assert_eq!(leased.len(), 1);
    assert_eq!((&leased[0].content, leased[0].row.key.as_str()), (&content, "k"));
    assert!(take(&queue, "q", 5).is_empty(), "leased once");
    queue.submit_blocking(Batch::new().succeed(&leased[0].claim())).unwrap();
    assert_eq!(queue.reader().unwrap().depth(&name("q")).unwrap().rows(), 0);
    let twice = queue.submit_blocking(Batch::new().succeed(&leased[0].claim())).unwrap_err();
    assert_eq!(refusal(twice), Refusal::NoSuchRow(address("q", "1")));
}

#[test]
fn the_same_id_again_says_so_and_changes_nothing() {
    let (_folder, queue) = open();
    assert_eq!(
        put(&queue, NewRow { content: Content::payload("1"), ..row("q", "1") }).unwrap(),
        Answer::Done
    );
    let again = put(&queue, NewRow { content: Content::payload("2"), ..row("q", "1") }).unwrap();
    assert_eq!(again, Answer::AlreadyThere);
    assert_eq!(take(&queue, "q", 5)[0].content.payload, "1");
    assert_eq!(put(&queue, row("other", "1")).unwrap(), Answer::Done, "ids are a queue's own");
}

#[test]
fn a_batch_is_all_or_nothing() {
    let (_folder, queue) = open();
    let slot = Slot::parse("ledger", "1").unwrap();
    let once = |id| {
        let value = Value { bytes: "reserved".into(), expires: None };
        Batch::new().put(row("q", id)).set(slot.clone(), value, When::Absent)
    };
    queue.submit_blocking(once("1")).unwrap();
    assert_eq!(refusal(queue.submit_blocking(once("2")).unwrap_err()), Refusal::Condition(slot.clone()));
    let reader = queue.reader().unwrap();
    assert_eq!(reader.show(&address("q", "2")).unwrap(), None);
    assert_eq!(reader.value(&slot, queue.now()).unwrap().unwrap().bytes, "reserved");
    let change = Batch::new().unset(slot.clone(), When::Equals("other".into()));
    assert_eq!(refusal(queue.submit_blocking(change).unwrap_err()), Refusal::Condition(slot.clone()));
    queue.submit_blocking(Batch::new().unset(slot.clone(), When::Equals("reserved".into()))).unwrap();
    assert_eq!(reader.value(&slot, queue.now()).unwrap(), None);
}

#[test]
fn rows_are_found_by_how_their_ids_begin() {
    let (_folder, queue) = open();
    for (queue_name, id) in [("q", "a"), ("q", "a.2"), ("q", "a~"), ("q", "b"), ("other", "a.1")] {
        put(&queue, row(queue_name, id)).unwrap();
    }
    let reader = queue.reader().unwrap();
    let begin = |start, limit| {
        let found = reader.beginning(&name("q"), &RowId::parse(start).unwrap(), limit).unwrap();
        found.iter().map(|row| row.address.id.as_str().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(begin("a", 9), ["a", "a.2", "a~"]);
    assert_eq!(begin("a", 2), ["a", "a.2"]);
    assert_eq!(begin("a.", 9), ["a.2"]);
    assert!(begin("c", 9).is_empty());
}

#[test]
fn a_value_that_expired_is_absent() {
    let (_folder, queue) = open();
    let slot = Slot::parse("ledger", "1").unwrap();
    let value = Value { bytes: "old".into(), expires: Some(queue.now()) };
    queue.submit_blocking(Batch::new().set(slot.clone(), value, When::Always)).unwrap();
    assert_eq!(queue.reader().unwrap().value(&slot, queue.now()).unwrap(), None);
    let value = Value { bytes: "new".into(), expires: None };
    queue.submit_blocking(Batch::new().set(slot, value, When::Absent)).unwrap();
}

#[test]
fn a_full_queue_refuses_puts_and_lets_work_end() {
    let mut limits = small();
    limits.queues.insert(name("q"), Rules { limit_rows: 2, ..Rules::default() });
    limits.queues.insert(name("results"), Rules { limit_rows: 0, ..Rules::default() });
    let folder = tempfile::tempdir().unwrap();
    let queue = EventQueue::open(&folder.path().join("db"), limits).unwrap();
    put(&queue, row("q", "1")).unwrap();
    put(&queue, row("q", "2")).unwrap();
    let full = put(&queue, row("q", "3")).unwrap_err();
    assert_eq!(refusal(full), Refusal::QueueFull { queue: name("q"), limit: 2, unit: "rows" });
    assert_eq!(put(&queue, row("q", "2")).unwrap(), Answer::AlreadyThere);
    let leased = take(&queue, "q", 1);
    queue.submit_blocking(Batch::new().succeed(&leased[0].claim()).put(row("results", "1"))).unwrap();
    put(&queue, row("q", "3")).unwrap();
}

#[test]
fn all_queues_together_have_a_limit() {
    let mut limits = small();
    limits.total.limit_bytes = 2_100;
    let folder = tempfile::tempdir().unwrap();
    let queue = EventQueue::open(&folder.path().join("db"), limits).unwrap();
    put(&queue, NewRow { content: Content::payload(vec![0; 1_000]), ..row("a", "1") }).unwrap();
    let full = put(&queue, row("b", "1"));
    assert_eq!(full.unwrap(), Answer::Done);
    assert_eq!(refusal(put(&queue, row("c", "1")).unwrap_err()), Refusal::Full { limit_bytes: 2_100 });
}

#[test]
fn keys_take_turns() {
    let (_folder, queue) = open();
    for (count, of) in [(6, "flood"), (2, "x"), (1, "y")] {
        for n in 0..count {
            put(&queue, NewRow { key: key(of), ..row("q", &format!("{of}-{n}")) }).unwrap();
        }
    }
    let turns: Vec<_> = (0..9).map(|_| take(&queue, "q", 1)[0].row.key.as_str().to_owned()).collect();
    assert_eq!(turns, ["flood", "x", "y", "flood", "x", "flood", "flood", "flood", "flood"]);
}

#[test]
fn the_dead_are_listed_page_by_page_and_redriven() {
    let (_folder, queue) = open();
    for n in 0..5 {
        put(&queue, row("q", &format!("{n}"))).unwrap();
    }
    for leased in take(&queue, "q", 5) {
        queue.submit_blocking(Batch::new().give_up(&leased.claim(), "410 Gone")).unwrap();
    }
    let reader = queue.reader().unwrap();
    let (mut from, mut found) = (sqlite::Cursor::default(), Vec::new());
    loop {
        let page = reader.list(&name("q"), Standing::Dead, from, 2).unwrap();
        found.extend(page.rows);
        match page.next {
            Some(next) => from = next,
            None => break,
        }
    }
    assert_eq!(found.len(), 5);
    assert_eq!(reader.depth(&name("q")).unwrap().dead, 5);
    let redrive =
        found.iter().fold(Batch::new(), |batch, row| batch.redrive(row.address.clone(), Pause::NONE, None));
    queue.submit_blocking(redrive).unwrap();
    assert_eq!(take(&queue, "q", 9).len(), 5);
}

#[tokio::test]
async fn a_consumer_learns_when_the_next_row_is_due() {
    let (_folder, queue) = open();
    let mut due = queue.due(&name("q"));
    assert_eq!(*due.borrow_and_update(), None);
    let hour = Duration::from_secs(3_600);
    queue.submit(Batch::new().put(NewRow { pause: Pause::exactly(hour), ..row("q", "1") })).await.unwrap();
    due.changed().await.unwrap();
    let moment = due.borrow_and_update().unwrap();
    assert!(queue.until(moment) <= hour && queue.until(moment) > hour / 2);
    queue.submit(Batch::new().put(row("q", "2"))).await.unwrap();
    due.changed().await.unwrap();
    assert_eq!(queue.until(due.borrow_and_update().unwrap()), Duration::ZERO);
    assert_eq!(queue.lease(ask("q", 5)).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_lease_that_ends_without_a_word_wakes_the_next_consumer() {
    let mut limits = small();
    limits.default.abandoned_pause = Pause::NONE;
    let folder = tempfile::tempdir().unwrap();
    let queue = EventQueue::open(&folder.path().join("db"), limits).unwrap();
    queue.submit(Batch::new().put(row("q", "1"))).await.unwrap();
    let mut due = queue.due(&name("q"));
    let first = queue.lease(Ask { span: Duration::from_millis(1), ..ask("q", 1) }).await.unwrap();
    due.wait_for(Option::is_some).await.unwrap();
    let second = queue.lease(ask("q", 1)).await.unwrap();
    assert_eq!((first[0].row.leases, second[0].row.leases, second[0].row.attempts), (1, 2, 1));
    assert!(queue.submit(Batch::new().succeed(&first[0].claim())).await.is_err(), "the lease is lost");
}

#[tokio::test]
async fn many_callers_share_commits() {
    let (_folder, queue) = open();
    let before = queue.commits();
    let puts: Vec<_> = (0..200)
        .map(|n| {
            let queue = queue.clone();
            tokio::spawn(async move { queue.submit(Batch::new().put(row("q", &format!("{n}")))).await })
        })
        .collect();
    for put in puts {
        put.await.unwrap().unwrap();
    }
    assert!(queue.commits() - before <= 200);
    assert_eq!(queue.reader().unwrap().depth(&name("q")).unwrap().waiting, 200);
}

#[test]
fn rows_outlive_the_process_and_leases_do_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    let queue = EventQueue::open(&path, small()).unwrap();
    put(&queue, row("q", "1")).unwrap();
    put(&queue, NewRow { pause: Pause::exactly(Duration::from_secs(3_600)), ..row("q", "2") }).unwrap();
    assert_eq!(take(&queue, "q", 5).len(), 1);
    let before = queue.now();
    drop(queue);
    let mut limits = small();
    limits.default.abandoned_pause = Pause::NONE;
    let queue = EventQueue::open(&path, limits).unwrap();
    assert!(queue.now() >= before);
    assert!(queue.due(&name("q")).borrow().is_some());
    let leased = take(&queue, "q", 5);
    assert_eq!((leased.len(), leased[0].row.attempts), (1, 1));
}

#[test]
fn what_is_too_large_is_refused() {
    let (_folder, queue) = open();
    let content = Content::payload(vec![0; event_queue::limits::MAX_CONTENT_BYTES]);
    put(&queue, NewRow { content, ..row("q", "1") }).unwrap();
    let content = Content::payload(vec![0; event_queue::limits::MAX_CONTENT_BYTES + 1]);
    let refused = put(&queue, NewRow { content, ..row("q", "2") }).unwrap_err();
    assert!(matches!(refusal(refused), Refusal::TooLarge { .. }));
}

fn open() -> (tempfile::TempDir, EventQueue) {
    let folder = tempfile::tempdir().unwrap();
    let queue = EventQueue::open(Path::new(&folder.path().join("db")), small()).unwrap();
    (folder, queue)
}

fn small() -> Limits {
    let mut limits = Limits::default();
    limits.total.reserve_bytes = 4_096;
    limits
}

fn put(queue: &EventQueue, row: NewRow) -> Result<Answer, Error> {
    queue.submit_blocking(Batch::new().put(row)).map(|answers| answers[0])
}

fn take(queue: &EventQueue, from: &str, rows: usize) -> Vec<event_queue::Leased> {
    queue.lease_blocking(ask(from, rows)).unwrap()
}

fn ask(queue: &str, rows: usize) -> Ask {
    Ask { queue: name(queue), rows, span: Duration::from_secs(60) }
}

fn row(queue: &str, id: &str) -> NewRow {
    NewRow::new(name(queue), RowId::parse(id).unwrap(), Content::default())
}

fn address(queue: &str, id: &str) -> Address {
    Address { queue: name(queue), id: RowId::parse(id).unwrap() }
}

fn name(queue: &str) -> QueueName {
    QueueName::parse(queue).unwrap()
}

fn key(key: &str) -> Key {
    Key::parse(key).unwrap()
}

#[track_caller]
fn refusal(error: Error) -> Refusal {
    match error {
        Error::Refused(refusal) => refusal,
        Error::Uncertain(_) | Error::Stopped(_) => panic!("{error:?}"),
    }
}
