//! Who may run, and where: concurrency, reuse of environments, invocations that wait for one.
//!
//! Pure: a [`Pool`] is told what happened and when, and says what to do. `E` names an environment, `J` is an
//! invocation that waits for one; the pool never looks into either. Beside it, [`driver`] holds the lock, the
//! clock and the processes.

pub(crate) mod driver;
mod line;
#[cfg(test)]
mod tests;

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use lambda_protocol::api_error::ThrottleReason;

/// How much may go on at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Invocations running at once, over all functions.
    pub(crate) account_concurrency: usize,
    /// Environments starting at once, over all functions.
    pub(crate) max_starting: usize,
    /// How long an environment may do nothing before it is ended.
    pub(crate) idle_after: Duration,
}

/// All functions' environments and invocations. Functions are known by their place in the list; those that share a
/// reservation, the versions of one function, are a group.
///
/// An environment is *starting* until it first asks for work, then *idle* or *busy*; from its answer until it
/// asks again it is *returning*. An invocation holds its permit from [`invoke`](Self::invoke) until
/// [`answered`](Self::answered), whether it waits or runs.
#[derive(Debug)]
pub(crate) struct Pool<E, J> {
    limits: Limits,
    functions: Vec<Lane<E, J>>,
    groups: Vec<Group>,
    /// What functions without a reservation may run together, and do.
    unreserved: usize,
    unreserved_running: usize,
    starting: usize,
    waiting: usize,
    /// Where the search for the next start begins, so that no function starves another.
    turn: usize,
    wake_at: Option<Instant>,
    closed: bool,
}

/// One function's part of the pool.
#[derive(Debug)]
struct Lane<E, J> {
    /// Its place in the list of groups.
    group: usize,
    running: usize,
    starting: usize,
    returning: usize,
    /// Least recently used first.
    idle: Vec<(E, Instant)>,
    waiting: VecDeque<(J, Instant)>,
}

/// What shares a reservation.
#[derive(Clone, Copy, Debug)]
struct Group {
    reserved: Option<usize>,
    running: usize,
}

/// What becomes of an invocation that may run.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Admitted<E, J> {
    Run(E, J),
    /// The pool keeps it until an environment is ready; see [`Pool::next_start`].
    Waits,
}

/// Why an invocation may not run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Refusal {
    Throttled(ThrottleReason),
    /// The service is shutting down.
    Closed,
}

/// What an environment that asks for work, or that ended, was doing until then.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Was {
    Starting,
    Idle,
    Returning,
}

impl<E, J> Pool<E, J> {
    /// One function, a group of its own, for each entry of `reserved`.
    pub(crate) fn new(limits: Limits, reserved: impl IntoIterator<Item = Option<usize>>) -> Self {
        let mut pool = Self {
            limits,
            functions: Vec::new(),
            groups: Vec::new(),
            unreserved: limits.account_concurrency,
            unreserved_running: 0,
            starting: 0,
            waiting: 0,
            turn: 0,
            wake_at: None,
            closed: false,
        };
        for reserved in reserved {
            pool.add(None);
            pool.reserve(pool.functions.len() - 1, reserved);
        }
        pool
    }

    /// One more function, at the next place. `beside` is one whose reservation it shares.
    pub(crate) fn add(&mut self, beside: Option<usize>) {
        let group = self.group(beside);
        self.functions.push(Lane::new(group));
    }

    /// Another function at a place that is [quiet](Self::is_quiet).
    pub(crate) fn put(&mut self, function: usize, beside: Option<usize>) {
        self.functions[function].group = self.group(beside);
    }

    /// Nothing of the function runs, waits, or is kept to be used again.
    pub(crate) fn is_quiet(&self, function: usize) -> bool {
        let lane = &self.functions[function];
        lane.running + lane.starting + lane.returning + lane.idle.len() + lane.waiting.len() == 0
    }

    /// That of `beside`, or one that is nobody's.
    fn group(&mut self, beside: Option<usize>) -> usize {
        if let Some(function) = beside {
            return self.functions[function].group;
        }
        self.groups.push(Group { reserved: None, running: 0 });
        self.groups.len() - 1
    }

    /// From now on so many invocations of the function, and of those beside it, may run at once; those that run go on.
    pub(crate) fn reserve(&mut self, function: usize, reserved: Option<usize>) {
        let group = &mut self.groups[self.functions[function].group];
        match (group.reserved, reserved) {
            (None, Some(_)) => self.unreserved_running -= group.running,
            (Some(_), None) => self.unreserved_running += group.running,
            (None, None) | (Some(_), Some(_)) => {}
        }
        group.reserved = reserved;
        let held: usize = self.groups.iter().filter_map(|group| group.reserved).sum();
        self.unreserved = self.limits.account_concurrency.saturating_sub(held);
    }

    pub(crate) fn reserved(&self, function: usize) -> Option<usize> {
        self.groups[self.functions[function].group].reserved
    }

    /// What functions without a reservation may run together.
    pub(crate) fn unreserved(&self) -> usize {
        self.unreserved
    }

    /// An invocation arrives. The most recently used environment takes it, else it waits.
    ///
    /// # Errors
    /// It may not run: the permits are used up, or the service is closed.
    pub(crate) fn invoke(
        &mut self,
        function: usize,
        job: J,
        now: Instant,
    ) -> Result<Admitted<E, J>, Refusal> {
        if self.closed {
            return Err(Refusal::Closed);
        }
        self.take_permit(function).map_err(Refusal::Throttled)?;
        if let Some((environment, _)) = self.functions[function].idle.pop() {
            return Ok(Admitted::Run(environment, job));
        }
        self.functions[function].waiting.push_back((job, now));
        self.waiting += 1;
        if self.functions[function].returning > 0 {
            self.arm(now + PATIENCE);
        }
        Ok(Admitted::Waits)
    }

    /// An invocation was given to an environment that had just ended: it is the first to get another one.
    pub(crate) fn wait_again(&mut self, function: usize, job: J, now: Instant) {
        let lane = &mut self.functions[function];
        // The queue stays in the order of time.
        let since = lane.waiting.front().map_or(now, |(_, since)| *since);
        lane.waiting.push_front((job, since));
        self.waiting += 1;
        self.arm(now + PATIENCE);
    }

    /// The function to start one more environment for, if that is due. Ask until there is none.
    ///
    /// Due while more invocations wait than environments are about to be ready. A returning one counts as about
    /// to be ready, but not for invocations that have waited for [`PATIENCE`].
    pub(crate) fn next_start(&mut self, now: Instant) -> Option<usize> {
        if self.waiting == 0 || self.starting >= self.limits.max_starting || self.closed {
            return None;
        }
        let count = self.functions.len();
        let function = (0..count).map(|step| (self.turn + step) % count).find(|&at| self.lacks(at, now))?;
        self.turn = function + 1;
        self.functions[function].starting += 1;
        self.starting += 1;
        Some(function)
    }

    /// An environment asks for work. The longest waiting invocation, or none: then the environment is idle.
    pub(crate) fn ready(&mut self, function: usize, environment: E, was: Was, now: Instant) -> Option<J> {
        self.leave(function, was);
        let job = self.take_waiting(function);
        if job.is_none() {
            self.functions[function].idle.push((environment, now));
            self.arm(now + self.limits.idle_after);
        }
        job
    }

    /// Whether it is worth asking for an invocation of the function now: it may run, or hears that nothing does any more.
    pub(crate) fn is_room(&self, function: usize) -> bool {
        if self.closed {
            return true;
        }
        let group = &self.groups[self.functions[function].group];
        match group.reserved {
            Some(reserved) => group.running < reserved,
            None => self.unreserved_running < self.unreserved,
        }
    }

    /// Permits that nobody has.
    pub(crate) fn free(&self) -> usize {
        let reserved =
            self.groups.iter().filter_map(|group| Some(group.reserved?.saturating_sub(group.running)));
        self.unreserved.saturating_sub(self.unreserved_running) + reserved.sum::<usize>()
    }

    pub(crate) fn has_waiting(&self) -> bool {
        self.waiting > 0
    }

    /// A running invocation has its answer: its permit is free, and its environment is returning.
    pub(crate) fn answered(&mut self, function: usize, now: Instant) {
        self.functions[function].returning += 1;
        self.give_permit(function);
        if !self.functions[function].waiting.is_empty() {
            // They count on the returning environment from now on.
            self.arm(now + PATIENCE);
        }
    }

    /// An environment's first start failed. The longest waiting invocation, within which it tries again, if
    /// there is one; else the environment ends.
    pub(crate) fn start_failed(&mut self, function: usize) -> Option<J> {
        self.leave(function, Was::Starting);
        self.take_waiting(function)
    }

    /// An environment ended that was not busy; `is_it` knows it among the idle ones.
    pub(crate) fn ended(&mut self, function: usize, was: Was, is_it: impl Fn(&E) -> bool) {
        self.leave(function, was);
        if was == Was::Idle {
            self.functions[function].idle.retain(|(idle, _)| !is_it(idle));
        }
    }

    /// When to call [`tick`](Self::tick) next. `None`: nothing can fall due before something else happens.
    pub(crate) fn wake_at(&self) -> Option<Instant> {
        self.wake_at
    }

    /// Time has passed: the environments that have been idle for too long, to be ended by the caller.
    pub(crate) fn tick(&mut self, now: Instant) -> Vec<E> {
        let mut reaped = Vec::new();
        self.wake_at = None;
        for function in 0..self.functions.len() {
            let lane = &mut self.functions[function];
            let fresh = lane.idle.partition_point(|(_, since)| *since + self.limits.idle_after <= now);
            reaped.extend(lane.idle.drain(..fresh).map(|(environment, _)| environment));
            let idle = lane.idle.first().map(|(_, since)| *since + self.limits.idle_after);
            let patience = lane.patience_ends(now);
            for at in [idle, patience].into_iter().flatten() {
                self.arm(at);
            }
        }
        reaped
    }

    /// The function's idle environments, to be ended by the caller.
    pub(crate) fn take_idle(&mut self, function: usize) -> Vec<E> {
        self.functions[function].idle.drain(..).map(|(environment, _)| environment).collect()
    }

    /// No further invocation is taken; those that wait are handed back.
    pub(crate) fn close(&mut self) -> Vec<J> {
        self.closed = true;
        self.waiting = 0;
        self.functions.iter_mut().flat_map(|lane| lane.waiting.drain(..)).map(|(job, _)| job).collect()
    }

    fn take_permit(&mut self, function: usize) -> Result<(), ThrottleReason> {
        let lane = &mut self.functions[function];
        let group = &mut self.groups[lane.group];
        match group.reserved {
            Some(reserved) if group.running >= reserved => {
                return Err(ThrottleReason::ReservedFunctionConcurrentInvocationLimitExceeded);
            }
            None if self.unreserved_running >= self.unreserved => {
                return Err(ThrottleReason::ConcurrentInvocationLimitExceeded);
            }
            Some(_) => {}
            None => self.unreserved_running += 1,
        }
        lane.running += 1;
        group.running += 1;
        Ok(())
    }

    fn give_permit(&mut self, function: usize) {
        let lane = &mut self.functions[function];
        let group = &mut self.groups[lane.group];
        lane.running -= 1;
        group.running -= 1;
        if group.reserved.is_none() {
            self.unreserved_running -= 1;
        }
    }

    /// Whether more invocations wait than environments are about to be ready, and another may be: a function never has
    /// more environments than its reservation.
    fn lacks(&self, function: usize, now: Instant) -> bool {
        let lane = &self.functions[function];
        lane.has_room(self.groups[lane.group].reserved) && lane.lacks(now)
    }

    fn take_waiting(&mut self, function: usize) -> Option<J> {
        let (job, _) = self.functions[function].waiting.pop_front()?;
        self.waiting -= 1;
        Some(job)
    }

    fn leave(&mut self, function: usize, was: Was) {
        match was {
            Was::Starting => {
                self.functions[function].starting -= 1;
                self.starting -= 1;
            }
            Was::Returning => self.functions[function].returning -= 1,
            Was::Idle => {}
        }
    }

    /// Only ever moves the alarm forward in time: one that rings for nothing costs less than moving it each call.
    fn arm(&mut self, at: Instant) {
        self.wake_at = Some(self.wake_at.map_or(at, |armed| armed.min(at)));
    }
}

impl<E, J> Lane<E, J> {
    fn new(group: usize) -> Self {
        Self { group, running: 0, starting: 0, returning: 0, idle: Vec::new(), waiting: VecDeque::new() }
    }

    fn has_room(&self, reserved: Option<usize>) -> bool {
        let busy = self.running - self.waiting.len();
        reserved.is_none_or(|reserved| busy + self.starting + self.returning < reserved)
    }

    /// Whether more invocations wait than environments are about to be ready.
    fn lacks(&self, now: Instant) -> bool {
        let waiting = self.waiting.len();
        if waiting <= self.starting {
            return false;
        }
        let impatient = self.waiting.partition_point(|(_, since)| *since + PATIENCE <= now);
        waiting > self.starting + self.returning || impatient > self.starting
    }

    /// When the next invocation that counts on a returning environment stops to do so.
    fn patience_ends(&self, now: Instant) -> Option<Instant> {
        let due = self.waiting.iter().map(|(_, since)| *since + PATIENCE);
        due.filter(|at| *at > now).min().filter(|_| self.returning > 0)
    }
}

/// How long an invocation counts on an environment that has answered but has not asked for work again, before
/// one is started for it. A function asks again within a millisecond unless it goes on working after its answer;
/// a caller that calls in a row must not make a second environment of that millisecond.
const PATIENCE: Duration = Duration::from_millis(50);
