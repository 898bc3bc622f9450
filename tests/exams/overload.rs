//! Exam E1: ten times what there is room for, for a minute.

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
    let key_of_connection = |index| index % KEYS;
    let key_of_call = |number| usize::try_from(number % KEYS as u64).expect("a few");

    closed(gateway.address, PLACES, Duration::from_secs(2), key_of_connection).await;
    let full = closed(gateway.address, PLACES, SHORT, key_of_connection).await;
    let peak = per_second(answered(&full).count(), SHORT);
    let memory_at_peak = gateway.memory_kib()?;
    let half = open(gateway.address, CONNECTIONS, peak / 2.0, SHORT, key_of_call).await;
    let normal = p99(half.iter());

    let flood = open(gateway.address, CONNECTIONS, peak * 10.0, LONG, key_of_call).await;
    let memory = gateway.memory_kib()?;
    let goodput = per_second(answered(&flood).count(), LONG);
    let (good, late) = (p99(answered(&flood)), p99(refused(&flood)));
    let (refusals, all) = (refused(&flood).count(), flood.len());
    let other = all - refusals - answered(&flood).count();

    let mut seconds = 0;
    let after = loop {
        seconds += 1;
        let again = open(gateway.address, CONNECTIONS, peak / 2.0, Duration::from_secs(1), key_of_call).await;
        let after = p99(again.iter());
        if (after < normal * 3 / 2 && answered(&again).count() == again.len()) || seconds == 10 {
            break after;
        }
    };
    let offered = per_second(all, LONG);
    Ok(vec![
        (format!("room for {peak:.0} calls/s; {offered:.0} calls/s came for {LONG:?}"), offered > peak * 9.0),
        (format!("goodput {goodput:.0}/s, {:.1} % of peak", 100.0 * goodput / peak), goodput >= 0.9 * peak),
        (format!("{refusals} refused, p99 {late:?}; p99 of the good ones {good:?}"), late <= REFUSED_WITHIN),
        (format!("{other} calls without an answer, or with another one"), other == 0),
        (
            format!("memory {memory} KiB, at peak {memory_at_peak} KiB"),
            memory <= 2 * memory_at_peak && memory < 512 * 1024,
        ),
        (format!("p99 at half load {normal:?} before, {after:?} in second {seconds} after"), seconds <= 5),
    ])
}

fn per_second(count: usize, time: Duration) -> f64 {
    f64::from(u32::try_from(count).expect("not so many")) / time.as_secs_f64()
}

/// With these, a core's worth of callers can be ten times too many.
const PLACES: usize = 60;
const FUNCTION_TIME: Duration = Duration::from_millis(50);

const CONNECTIONS: usize = 600;
const SHORT: Duration = Duration::from_secs(5);
const LONG: Duration = Duration::from_secs(60);
const REFUSED_WITHIN: Duration = Duration::from_millis(100);
