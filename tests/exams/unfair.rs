//! Exam E2: one key at twenty times its share of the room, and what the others notice.

use std::{io, time::Duration};

use super::{
    Report,
    callers::{answered, closed, open, p99, refused},
    gateway::{Gateway, KEYS},
    lambda,
};

pub(crate) async fn run() -> io::Result<Report> {
    let lambda = lambda::start(FUNCTION_TIME).await?;
    let gateway = Gateway::start(lambda, PLACES)?;
    let others = || closed(gateway.address, (KEYS - 1) * EACH, TIME, |index| 1 + index % (KEYS - 1));
    others().await;
    let share = (PLACES / KEYS) as f64 / FUNCTION_TIME.as_secs_f64();
    let (mut alone, mut beside, mut greedy) = (Vec::new(), Vec::new(), Vec::new());
    // In turn, as a machine has good and bad moments.
    for _ in 0..ROUNDS {
        alone.extend(others().await);
        let flood = open(gateway.address, CONNECTIONS, 20.0 * share, TIME, |_| 0);
        let (flooded, seen) = tokio::join!(flood, others());
        greedy.extend(flooded);
        beside.extend(seen);
    }
    let (before, after) = (p99(alone.iter()), p99(beside.iter()));
    let not_answered = beside.len() - answered(&beside).count();
    let ratio = after.as_secs_f64() / before.as_secs_f64();
    Ok(vec![
        (
            format!(
                "{} of the greedy key's {} calls refused, p99 {:?}",
                refused(&greedy).count(),
                greedy.len(),
                p99(refused(&greedy))
            ),
            refused(&greedy).count() > 0,
        ),
        (format!("{not_answered} of the others' {} calls not answered", beside.len()), not_answered == 0),
        (format!("the others' p99 {before:?} alone, {after:?} beside it: {ratio:.2}"), ratio <= 1.5),
    ])
}

const PLACES: usize = 100;
/// Connections of each key that behaves: within its share.
const EACH: usize = 2;
const FUNCTION_TIME: Duration = Duration::from_millis(50);
const CONNECTIONS: usize = 300;
const TIME: Duration = Duration::from_secs(5);
const ROUNDS: usize = 4;
