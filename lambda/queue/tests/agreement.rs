//! SQLite and the simulation's double answer alike, so what the simulation says of one is true of the other.

#![allow(clippy::unwrap_used, reason = "a test")]

#[allow(dead_code, reason = "the world is not needed here")]
mod model;

use std::{path::Path, time::Duration};

use event_queue::{
    Ask, Batch, Claim, Content, Key, Limits, Moment, NewRow, Pause, QueueName, RowId, Rules, Slot, Value,
    When,
    engine::{Engine, Reply, Request},
    sqlite::SqliteStore,
    store::Store,
};
use model::{double::Double, random::Random};

#[test]
fn the_same_requests_have_the_same_answers() {
    for seed in 0..SEEDS {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        let mut random = Random::new(seed);
        let mut now = Moment::from_millis(1_000);
        let mut double = open(Double::default(), now);
        let mut sqlite = open(store(&path), now);
        let mut claims = Vec::new();
        for step in 0..60 {
            now = now + Duration::from_millis(random.below(2_000));
            let group: Vec<_> = (0..=random.below(3)).map(|_| request(&mut random, &claims)).collect();
            let [one, other] = [run(&mut double, &group, now), run(&mut sqlite, &group, now)];
            for (one, other) in one.iter().zip(&other) {
                let [one_text, other_text] = [one, other].map(|reply| format!("{reply:?}"));
                assert_eq!(one_text, other_text, "seed {seed}, step {step}, {group:?}");
                if let Ok(Reply::Leased(leased)) = one {
                    claims.extend(leased.iter().map(event_queue::Leased::claim));
                }
            }
            assert_eq!(double.next_chore(), sqlite.next_chore(), "seed {seed}, step {step}");
            assert_eq!(double.take_news(), sqlite.take_news(), "seed {seed}, step {step}");
            double.chores(now, &mut || 0.5).unwrap();
            sqlite.chores(now, &mut || 0.5).unwrap();
            if random.percent(5) {
                let image = double.into_store().durable();
                double = open(Double::restarted(image), now);
                drop(sqlite);
                sqlite = open(store(&path), now);
            }
        }
    }
}

fn open<S: Store>(store: S, now: Moment) -> Engine<S> {
    let default = Rules { limit_rows: 12, keep_dead: Duration::from_secs(20), ..Rules::default() };
    Engine::open(store, Limits { default, ..Limits::default() }, now, &mut || 0.5).unwrap()
}

fn store(path: &Path) -> SqliteStore {
    SqliteStore::open(path, 4_096).unwrap()
}

fn run<S: Store>(
    engine: &mut Engine<S>,
    group: &[Request],
    now: Moment,
) -> Vec<Result<Reply, event_queue::Error>> {
    engine.run(group, now, &mut || 0.5)
}

fn request(random: &mut Random, claims: &[Claim]) -> Request {
    let pause = Pause::exactly(Duration::from_millis(random.below(4_000)));
    let batch = match (random.below(9), random.pick(claims)) {
        (0..3, _) => Batch::new().put(new_row(random, pause)),
        (3, Some(claim)) => {
            Batch::new().succeed(claim).put(new_row(random, pause)).set(slot(), value("x"), When::Always)
        }
        (4, Some(claim)) => Batch::new().fail(claim, "no", pause).release(claim, pause),
        (5, Some(claim)) => Batch::new().fail(claim, "no", pause),
        (6, Some(claim)) => Batch::new().give_up(claim, "never"),
        (7, Some(claim)) if random.percent(50) => Batch::new().redrive(claim.address.clone(), pause, None),
        (7, Some(claim)) => Batch::new().cancel(claim.address.clone()),
        (8, _) => {
            let value = Value { expires: Some(Moment::from_millis(30_000)), ..value("y") };
            let when = if random.percent(50) { When::Absent } else { When::Equals("x".into()) };
            Batch::new().set(slot(), value, when)
        }
        _ => {
            let rows = usize::try_from(1 + random.below(3)).unwrap();
            let span = Duration::from_millis(random.below(6_000));
            return Request::Lease(Ask { queue: queue(random), rows, span });
        }
    };
    Request::Batch(batch)
}

fn new_row(random: &mut Random, pause: Pause) -> NewRow {
    let id = RowId::parse(&random.below(40).to_string()).unwrap();
    let key = Key::parse(["", "a", "b"][usize::try_from(random.below(3)).unwrap()]).unwrap();
    let expires_in = random.percent(20).then(|| Duration::from_millis(random.below(9_000)));
    let content = Content::payload(format!("payload {}", random.below(1_000)));
    NewRow { key, expires_in, pause, ..NewRow::new(queue(random), id, content) }
}

fn queue(random: &mut Random) -> QueueName {
    QueueName::parse(if random.percent(50) { "one" } else { "two" }).unwrap()
}

fn slot() -> Slot {
    Slot::parse("space", "name").unwrap()
}

fn value(text: &'static str) -> Value {
    Value { bytes: text.into(), expires: None }
}

const SEEDS: u64 = 20;
