use std::collections::HashSet;

use proptest::prelude::*;

use super::*;

type Numbers = Pool<u32, u32>;

fn pool(account: usize, reserved: &[Option<usize>]) -> Numbers {
    let limits = Limits { account_concurrency: account, max_starting: 4, idle_after: IDLE_AFTER };
    Pool::new(limits, reserved.iter().copied())
}

fn starts(pool: &mut Numbers, now: Instant) -> Vec<usize> {
    std::iter::from_fn(|| pool.next_start(now)).collect()
}

/// An environment for which nobody waits any more when it is ready.
fn add_idle(pool: &mut Numbers, environment: u32, now: Instant) {
    pool.functions[0].starting += 1;
    pool.starting += 1;
    assert_eq!(pool.ready(0, environment, Was::Starting, now), None);
}

const IDLE_AFTER: Duration = Duration::from_secs(300);

#[test]
fn the_first_invocation_waits_for_a_new_environment() {
    let (mut pool, now) = (pool(10, &[None]), Instant::now());
    assert_eq!(pool.invoke(0, 1, now), Ok(Admitted::Waits));
    assert_eq!(starts(&mut pool, now), [0]);
    assert_eq!(pool.ready(0, 7, Was::Starting, now), Some(1));
}

#[test]
fn the_most_recently_used_environment_is_reused() {
    let (mut pool, now) = (pool(10, &[None]), Instant::now());
    add_idle(&mut pool, 7, now);
    add_idle(&mut pool, 8, now);
    assert_eq!(pool.invoke(0, 1, now), Ok(Admitted::Run(8, 1)));
    assert_eq!(pool.invoke(0, 2, now), Ok(Admitted::Run(7, 2)));
}

#[test]
fn an_invocation_goes_to_whichever_environment_is_ready_first() {
    let (mut pool, now) = (pool(10, &[None]), Instant::now());
    for job in 1..=2 {
        pool.invoke(0, job, now).unwrap();
    }
    assert_eq!(starts(&mut pool, now), [0, 0]);
    assert_eq!(pool.ready(0, 7, Was::Starting, now), Some(1));
    pool.answered(0, now);
    assert_eq!(pool.ready(0, 7, Was::Returning, now), Some(2));
    assert_eq!(pool.ready(0, 8, Was::Starting, now), None);
}

#[test]
fn a_caller_in_a_row_waits_a_moment_for_the_returning_environment() {
    let (mut pool, now) = (pool(10, &[None]), Instant::now());
    pool.invoke(0, 1, now).unwrap();
    starts(&mut pool, now);
    pool.ready(0, 7, Was::Starting, now);
    pool.answered(0, now);
    pool.invoke(0, 2, now).unwrap();
    assert_eq!(starts(&mut pool, now), [] as [usize; 0]);
    assert_eq!(pool.wake_at(), Some(now + PATIENCE));
    let later = now + PATIENCE;
    assert_eq!(pool.tick(later), [] as [u32; 0]);
    assert_eq!(starts(&mut pool, later), [0]);
    assert_eq!(pool.wake_at(), None);
}

#[test]
fn a_function_never_has_more_environments_than_are_reserved_for_it() {
    let (mut pool, now) = (pool(10, &[Some(1)]), Instant::now());
    pool.invoke(0, 1, now).unwrap();
    starts(&mut pool, now);
    pool.ready(0, 7, Was::Starting, now);
    pool.answered(0, now);
    pool.invoke(0, 2, now).unwrap();
    let later = now + PATIENCE;
    assert_eq!(
        starts(&mut pool, later),
        [] as [usize; 0],
        "the one that it has is still busy after its answer"
    );
    assert_eq!(pool.ready(0, 7, Was::Returning, later), Some(2));
}

#[test]
fn who_waits_counts_on_an_environment_that_returns_later_only_for_a_moment() {
    let (mut pool, now) = (pool(10, &[None]), Instant::now());
    pool.invoke(0, 1, now).unwrap();
    starts(&mut pool, now);
    pool.ready(0, 7, Was::Starting, now);
    pool.invoke(0, 2, now).unwrap();
    pool.answered(0, now);
    assert_eq!(pool.wake_at(), Some(now + PATIENCE));
}

#[test]
fn a_reservation_is_a_ceiling_of_its_own() {
    let (mut pool, now) = (pool(3, &[Some(1), None]), Instant::now());
    let reserved = Refusal::Throttled(ThrottleReason::ReservedFunctionConcurrentInvocationLimitExceeded);
    let account = Refusal::Throttled(ThrottleReason::ConcurrentInvocationLimitExceeded);
    assert_eq!(pool.invoke(0, 1, now), Ok(Admitted::Waits));
    assert_eq!(pool.invoke(0, 2, now), Err(reserved));
    assert_eq!(pool.invoke(1, 3, now), Ok(Admitted::Waits));
    assert_eq!(pool.invoke(1, 4, now), Ok(Admitted::Waits));
    assert_eq!(pool.invoke(1, 5, now), Err(account));
}

#[test]
fn a_reservation_of_zero_lets_nothing_run() {
    let (mut pool, now) = (pool(3, &[Some(0)]), Instant::now());
    assert!(matches!(pool.invoke(0, 1, now), Err(Refusal::Throttled(_))));
}

#[test]
fn not_more_than_the_limit_start_at_once() {
    let (mut pool, now) = (pool(100, &[None, None]), Instant::now());
    for job in 0..10 {
        pool.invoke((job % 2) as usize, job, now).unwrap();
    }
    assert_eq!(starts(&mut pool, now), [0, 1, 0, 1]);
    assert_eq!(pool.ready(1, 7, Was::Starting, now), Some(1));
    assert_eq!(starts(&mut pool, now), [0]);
}

#[test]
fn a_failed_start_is_charged_to_the_longest_waiting_invocation() {
    let (mut pool, now) = (pool(10, &[None]), Instant::now());
    pool.invoke(0, 1, now).unwrap();
    pool.invoke(0, 2, now).unwrap();
    assert_eq!(starts(&mut pool, now), [0, 0]);
    assert_eq!(pool.start_failed(0), Some(1));
    assert_eq!(starts(&mut pool, now), [] as [usize; 0]);
    assert_eq!(pool.start_failed(0), Some(2));
    assert_eq!((pool.starting, pool.functions[0].starting), (0, 0));
}

#[test]
fn idle_environments_are_reaped_oldest_first_and_the_clock_then_stops() {
    let (mut pool, now) = (pool(10, &[None]), Instant::now());
    let second = now + Duration::from_secs(1);
    add_idle(&mut pool, 7, now);
    add_idle(&mut pool, 8, second);
    assert_eq!(pool.wake_at(), Some(now + IDLE_AFTER));
    assert_eq!(pool.tick(now + IDLE_AFTER), [7]);
    assert_eq!(pool.wake_at(), Some(second + IDLE_AFTER));
    assert_eq!(pool.tick(second + IDLE_AFTER), [8]);
    assert_eq!(pool.wake_at(), None);
}

#[test]
fn a_closed_pool_hands_back_what_waits_and_takes_no_more() {
    let (mut pool, now) = (pool(10, &[None]), Instant::now());
    pool.invoke(0, 1, now).unwrap();
    assert_eq!(pool.close(), [1]);
    assert_eq!(pool.invoke(0, 2, now), Err(Refusal::Closed));
    assert_eq!(pool.next_start(now), None);
}

/// One thing that may happen to a pool; numbers choose among the environments there are.
#[derive(Clone, Debug)]
enum Happening {
    Invoke(usize),
    Started(usize),
    FailedToStart(usize),
    Answered(usize),
    Returned(usize),
    Died(usize),
    /// An environment died while it was being given an invocation.
    Missed(usize),
    Pass(u64),
}

fn happening() -> impl Strategy<Value = Happening> {
    let any = 0..64_usize;
    prop_oneof![
        4 => (0..3_usize).prop_map(Happening::Invoke),
        3 => any.clone().prop_map(Happening::Started),
        1 => any.clone().prop_map(Happening::FailedToStart),
        3 => any.clone().prop_map(Happening::Answered),
        3 => any.clone().prop_map(Happening::Returned),
        1 => any.clone().prop_map(Happening::Died),
        1 => any.prop_map(Happening::Missed),
        1 => (0..400_000_u64).prop_map(Happening::Pass),
    ]
}

/// The world around a pool: which environments are in which state, which invocations have an answer.
struct World {
    pool: Numbers,
    now: Instant,
    starting: Vec<usize>,
    busy: Vec<(usize, u32, u32)>,
    returning: Vec<(usize, u32)>,
    idle: Vec<(usize, u32)>,
    open: HashSet<u32>,
    numbers: u32,
}

impl World {
    fn new() -> Self {
        Self {
            pool: pool(6, &[Some(2), None, None]),
            now: Instant::now(),
            starting: vec![],
            busy: vec![],
            returning: vec![],
            idle: vec![],
            open: HashSet::new(),
            numbers: 0,
        }
    }

    fn number(&mut self) -> u32 {
        self.numbers += 1;
        self.numbers
    }

    fn happens(&mut self, happening: &Happening) {
        match *happening {
            Happening::Invoke(function) => {
                let job = self.number();
                match self.pool.invoke(function, job, self.now) {
                    Ok(Admitted::Run(environment, job)) => {
                        self.idle.retain(|(_, idle)| *idle != environment);
                        self.busy.push((function, environment, job));
                        self.open.insert(job);
                    }
                    Ok(Admitted::Waits) => {
                        self.open.insert(job);
                    }
                    Err(_) => {}
                }
            }
            Happening::Started(at) => {
                if let Some(function) = take(&mut self.starting, at) {
                    let environment = self.number();
                    self.asks(function, environment, Was::Starting);
                }
            }
            Happening::FailedToStart(at) => {
                if let Some(function) = take(&mut self.starting, at)
                    && let Some(job) = self.pool.start_failed(function)
                {
                    let environment = self.number();
                    self.busy.push((function, environment, job));
                }
            }
            Happening::Answered(at) => {
                if let Some((function, environment, job)) = take(&mut self.busy, at) {
                    assert!(self.open.remove(&job), "answered once");
                    self.pool.answered(function, self.now);
                    self.returning.push((function, environment));
                }
            }
            Happening::Returned(at) => {
                if let Some((function, environment)) = take(&mut self.returning, at) {
                    self.asks(function, environment, Was::Returning);
                }
            }
            Happening::Died(at) => {
                if let Some((function, environment)) = take(&mut self.returning, at) {
                    self.pool.ended(function, Was::Returning, |idle| *idle == environment);
                } else if let Some((function, environment)) = take(&mut self.idle, at) {
                    self.pool.ended(function, Was::Idle, |idle| *idle == environment);
                }
            }
            Happening::Missed(at) => {
                if let Some((function, _, job)) = take(&mut self.busy, at) {
                    self.pool.wait_again(function, job, self.now);
                }
            }
            Happening::Pass(ms) => {
                self.now += Duration::from_millis(ms);
                let reaped = self.pool.tick(self.now);
                self.idle.retain(|(_, idle)| !reaped.contains(idle));
            }
        }
        while let Some(function) = self.pool.next_start(self.now) {
            self.starting.push(function);
        }
    }

    fn asks(&mut self, function: usize, environment: u32, was: Was) {
        match self.pool.ready(function, environment, was, self.now) {
            Some(job) => self.busy.push((function, environment, job)),
            None => self.idle.push((function, environment)),
        }
    }

    fn check(&self) {
        let running = |function| self.busy.iter().filter(|(f, ..)| *f == function).count();
        assert!(running(0) <= 2 && running(1) + running(2) <= 4, "never more running than permitted");
        assert!(self.starting.len() <= 4, "never more starting than permitted");
        assert_eq!(self.open.len(), self.busy.len() + self.pool.waiting, "no invocation lost");
        let permits: usize = self.pool.functions.iter().map(|lane| lane.running).sum();
        assert_eq!(permits, self.open.len(), "one permit for each invocation");
        let idle: usize = self.pool.functions.iter().map(|lane| lane.idle.len()).sum();
        assert_eq!(idle, self.idle.len());
        if !self.idle.is_empty() {
            assert!(self.pool.wake_at().is_some(), "idle environments are reaped some day");
        }
    }

    /// Everything that can make progress does; afterwards nobody may still be waiting.
    fn settle(&mut self) {
        for _ in 0..1_000 {
            self.happens(&Happening::Pass(60));
            for step in [Happening::Started(0), Happening::Answered(0), Happening::Returned(0)] {
                self.happens(&step);
            }
        }
    }
}

fn take<T>(from: &mut Vec<T>, at: usize) -> Option<T> {
    (!from.is_empty()).then(|| from.swap_remove(at % from.len()))
}

proptest! {
    #[test]
    fn whatever_happens_limits_hold_and_every_invocation_is_answered(
        happenings in proptest::collection::vec(happening(), 0..200)
    ) {
        let mut world = World::new();
        for happening in &happenings {
            world.happens(happening);
            world.check();
        }
        world.settle();
        prop_assert_eq!(world.open.len(), 0);
    }
}

#[test]
fn taken_idle_environments_get_no_more_work() {
    let (mut pool, now) = (pool(10, &[None]), Instant::now());
    add_idle(&mut pool, 7, now);
    add_idle(&mut pool, 8, now);
    assert_eq!(pool.take_idle(0), [7, 8]);
    assert_eq!(pool.invoke(0, 1, now), Ok(Admitted::Waits));
    assert_eq!(starts(&mut pool, now), [0]);
}

#[test]
fn free_places_are_those_that_nobody_has_of_all_kinds() {
    let (mut pool, now) = (pool(3, &[None, Some(2)]), Instant::now());
    assert_eq!(pool.free(), 3);
    assert_eq!(pool.invoke(0, 1, now), Ok(Admitted::Waits));
    assert_eq!(pool.invoke(1, 2, now), Ok(Admitted::Waits));
    assert_eq!(pool.free(), 1);
    pool.answered(1, now);
    assert_eq!(pool.free(), 2);
}

#[test]
fn versions_of_one_function_share_its_reservation() {
    let (mut pool, now) = (pool(10, &[Some(1), None]), Instant::now());
    pool.add(Some(0));
    pool.invoke(2, 1, now).unwrap();
    let reserved = Refusal::Throttled(ThrottleReason::ReservedFunctionConcurrentInvocationLimitExceeded);
    assert_eq!(pool.invoke(0, 2, now), Err(reserved));
    assert_eq!(starts(&mut pool, now), [2]);
    pool.ready(2, 7, Was::Starting, now);
    pool.answered(2, now);
    assert_eq!(pool.invoke(0, 3, now), Ok(Admitted::Waits));
}

#[test]
fn a_reservation_that_comes_or_goes_takes_running_calls_along() {
    let (mut pool, now) = (pool(3, &[None, None]), Instant::now());
    for job in 0..2 {
        pool.invoke(0, job, now).unwrap();
    }
    pool.reserve(0, Some(2));
    assert_eq!((pool.unreserved(), pool.free()), (1, 1));
    pool.invoke(1, 9, now).unwrap();
    let account = Refusal::Throttled(ThrottleReason::ConcurrentInvocationLimitExceeded);
    assert_eq!(pool.invoke(1, 10, now), Err(account));
    pool.reserve(0, None);
    assert_eq!((pool.unreserved(), pool.free()), (3, 0));
    pool.answered(0, now);
    assert_eq!(pool.free(), 1);
}

#[test]
fn a_place_is_another_functions_once_nothing_is_left_there() {
    let (mut pool, now) = (pool(10, &[Some(1)]), Instant::now());
    assert!(pool.is_quiet(0));
    pool.invoke(0, 1, now).unwrap();
    assert!(!pool.is_quiet(0), "it waits");
    starts(&mut pool, now);
    pool.ready(0, 7, Was::Starting, now);
    assert!(!pool.is_quiet(0), "it runs");
    pool.answered(0, now);
    assert!(!pool.is_quiet(0), "it returns");
    pool.ready(0, 7, Was::Returning, now);
    assert!(!pool.is_quiet(0), "it is kept");
    pool.take_idle(0);
    pool.reserve(0, None);
    pool.put(0, None);
    assert_eq!(pool.reserved(0), None);
    assert!(pool.invoke(0, 2, now).is_ok() && pool.invoke(0, 3, now).is_ok());
}
