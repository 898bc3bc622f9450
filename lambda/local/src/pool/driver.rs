//! Does what the pool says: hands invocations to environments, starts and ends environments, watches the clock.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use tokio::{
    runtime::Handle,
    sync::{Notify, watch},
};

use super::{
    Admitted, Limits, Pool, Refusal, Was,
    line::{Line, Turn},
};
use crate::{
    alarm,
    environment::{Environment, Job, supervisor},
    function::{Code, Function},
    functions::Functions,
    logs::LogSink,
    settings::Settings,
    warden::Warden,
};

/// All environments of the service and what they share.
#[derive(Debug)]
pub(crate) struct Driver {
    pub(crate) settings: Settings,
    pub(crate) warden: Warden,
    functions: Arc<Functions>,
    sink: LogSink,
    pool: Mutex<Pool<Arc<Environment>, Box<Job>>>,
    /// Rung when the pool's alarm is set to an earlier time.
    alarm: Notify,
    /// Rung when an invocation has its answer, so that another may run.
    pub(crate) freed: Notify,
    line: Line,
    /// Environments whose supervisor has not finished.
    alive: watch::Sender<usize>,
    closing: watch::Sender<bool>,
    /// Where environments live, whichever runtime a caller runs on.
    runtime: Handle,
}

impl Driver {
    /// # Panics
    /// Outside a Tokio runtime.
    pub(crate) fn start(
        settings: Settings,
        functions: Arc<Functions>,
        warden: Warden,
        sink: LogSink,
    ) -> Arc<Self> {
        let limits = Limits {
            account_concurrency: count(settings.account_concurrency),
            max_starting: max_starting(),
            idle_after: settings.idle_after,
        };
        let pool = Pool::new(
            limits,
            functions.places().iter().map(|function| function.reserved_concurrency.map(count)),
        );
        let driver = Arc::new(Self {
            settings,
            warden,
            functions,
            sink,
            pool: Mutex::new(pool),
            alarm: Notify::new(),
            freed: Notify::new(),
            line: Line::default(),
            alive: watch::Sender::new(0),
            closing: watch::Sender::new(false),
            runtime: Handle::current(),
        });
        driver.runtime.spawn(Arc::clone(&driver).watch_clock());
        driver
    }

    /// An invocation that passed every check.
    ///
    /// # Errors
    /// It may not run now.
    pub(crate) fn invoke(self: &Arc<Self>, function: usize, job: Box<Job>) -> Result<(), Refusal> {
        match self.with_pool(|pool, now| pool.invoke(function, job, now))? {
            Admitted::Run(environment, job) => self.give(&environment, job),
            Admitted::Waits => self.start_due(),
        }
        Ok(())
    }

    /// The environment's runtime asks for work, which it gets unless its function was replaced.
    pub(crate) fn ready(self: &Arc<Self>, environment: &Arc<Environment>, was: Was) {
        let (at, handle) = (environment.function_at, Arc::clone(environment));
        let (is_current, job, more) = self.with_pool(|pool, now| {
            let is_current = Arc::ptr_eq(&environment.function, &self.functions.get(at));
            let job = if is_current {
                pool.ready(at, handle, was, now)
            } else {
                pool.ended(at, was, |_| false);
                None
            };
            (is_current, job, pool.has_waiting())
        });
        if let Some(job) = job {
            self.give(environment, job);
        }
        if !is_current {
            environment.retire();
        }
        if more {
            self.start_due();
        }
    }

    /// An invocation has its answer; its environment may have more to do before it asks for work.
    pub(crate) fn answered(&self, function: usize) {
        self.with_pool(|pool, now| pool.answered(function, now));
        self.freed();
    }

    /// Invocations that may begin now, over all functions. A single function may have no place all the same.
    pub(crate) fn free(&self) -> usize {
        self.with_pool(|pool, _| pool.free())
    }

    /// To be told when to ask again for the function; `None`: at once.
    pub(crate) fn stand_in_line(&self, function: usize) -> Option<Turn> {
        self.line.join(function, || self.with_pool(|pool, _| pool.is_room(function)))
    }

    fn freed(&self) {
        self.freed.notify_one();
        self.line.call(|function| self.with_pool(|pool, _| pool.is_room(function)));
    }

    /// The first start failed. The invocation, if one waits, within which to try again.
    pub(crate) fn start_failed(&self, function: usize) -> Option<Box<Job>> {
        self.with_pool(|pool, _| pool.start_failed(function))
    }

    /// An environment that was not busy has ended.
    pub(crate) fn ended(&self, environment: &Environment, was: Was) {
        self.with_pool(|pool, _| {
            let lane = environment.function_at;
            pool.ended(lane, was, |idle| std::ptr::eq(Arc::as_ptr(idle), environment));
        });
    }

    /// Environments of the function until now get no more work: idle ones end now, the others when they next ask.
    pub(crate) fn replace(self: &Arc<Self>, at: usize, function: Function) {
        // Under the pool's lock, so that none is taken for one of the new function.
        let idle = self.with_pool(|pool, _| {
            self.functions.set(at, function);
            pool.take_idle(at)
        });
        for environment in idle {
            environment.retire();
        }
    }

    /// One more function, at a place of its own: one that nothing leads to any more, or a new one. `beside` is one whose reservation it shares.
    pub(crate) fn add(&self, function: Function, beside: Option<usize>) -> usize {
        self.with_pool(|pool, _| match self.functions.vacant(|at| pool.is_quiet(at)) {
            Some(at) => {
                self.functions.set(at, function);
                pool.put(at, beside);
                at
            }
            None => {
                let at = self.functions.push(function);
                pool.add(beside);
                at
            }
        })
    }

    /// Nothing leads to the function any more: its environments end as they would if it were replaced, and its code goes with
    /// the last of them.
    pub(crate) fn retire(self: &Arc<Self>, at: usize) {
        self.replace(at, Function { code: Code::default(), ..Function::clone(&self.functions.get(at)) });
        self.functions.vacate(at);
    }

    /// From now on so many invocations of the function, and of its versions, may run at once.
    pub(crate) fn reserve(self: &Arc<Self>, at: usize, reserved: Option<u32>) {
        self.with_pool(|pool, _| pool.reserve(at, reserved.map(count)));
        self.freed();
        self.start_due();
    }

    /// How many invocations of the function may run at once, whatever others do. `None`: no number is kept for it.
    pub(crate) fn reserved(&self, at: usize) -> Option<usize> {
        self.with_pool(|pool, _| pool.reserved(at))
    }

    /// What functions without a reservation may run together.
    pub(crate) fn unreserved(&self) -> u32 {
        u32::try_from(self.with_pool(|pool, _| pool.unreserved())).unwrap_or(u32::MAX)
    }

    /// Starts environments for the invocations that wait, as many as may start now.
    pub(crate) fn start_due(self: &Arc<Self>) {
        while let Some(function) = self.with_pool(Pool::next_start) {
            let environment = Environment::new(function, self.functions.get(function), self.sink.clone());
            let alive = Alive::new(Arc::clone(self));
            self.runtime.spawn(async move {
                supervisor::run(Arc::new(environment), &alive.driver).await;
                alive.driver.start_due();
            });
        }
    }

    pub(crate) fn is_closing(&self) -> bool {
        *self.closing.borrow()
    }

    pub(crate) fn closing(&self) -> Closing {
        Closing(self.closing.subscribe())
    }

    /// Takes no further invocation, ends all environments, and returns when they have ended.
    pub(crate) async fn shut_down(&self) {
        let waiting = self.with_pool(|pool, _| pool.close());
        self.closing.send_replace(true);
        self.line.call_all();
        drop(waiting);
        let mut alive = self.alive.subscribe();
        // The sender is part of `self`.
        let _ = alive.wait_for(|environments| *environments == 0).await;
        self.sink.flushed().await;
    }

    fn give(self: &Arc<Self>, environment: &Environment, job: Box<Job>) {
        if let Err(job) = environment.begin(job) {
            let function = environment.function_at;
            self.with_pool(|pool, now| pool.wait_again(function, job, now));
            self.start_due();
        }
    }

    async fn watch_clock(self: Arc<Self>) {
        let mut closing = self.closing();
        loop {
            let wake_at = self.with_pool(|pool, _| pool.wake_at());
            tokio::select! {
                () = alarm::at(wake_at) => {
                    for environment in self.with_pool(Pool::tick) {
                        environment.retire();
                    }
                    self.start_due();
                }
                () = self.alarm.notified() => {}
                () = closing.begins() => return,
            }
        }
    }

    /// Every change goes through here, so that the clock hears of an alarm that is now set to an earlier time.
    fn with_pool<T>(&self, change: impl FnOnce(&mut Pool<Arc<Environment>, Box<Job>>, Instant) -> T) -> T {
        let mut pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
        let before = pool.wake_at();
        let result = change(&mut pool, Instant::now());
        let after = pool.wake_at();
        drop(pool);
        if after.is_some_and(|after| before.is_none_or(|before| after < before)) {
            self.alarm.notify_one();
        }
        result
    }
}

/// Tells when the service shuts down.
#[derive(Clone, Debug)]
pub(crate) struct Closing(watch::Receiver<bool>);

impl Closing {
    /// Returns once the service shuts down, at once if it has begun to. Cancel safe.
    pub(crate) async fn begins(&mut self) {
        // Without a sender there is no service any more.
        let _ = self.0.wait_for(|closing| *closing).await;
    }
}

/// Counts one environment for as long as its supervisor runs, however that ends.
struct Alive {
    driver: Arc<Driver>,
}

impl Alive {
    fn new(driver: Arc<Driver>) -> Self {
        driver.alive.send_modify(|environments| *environments += 1);
        Self { driver }
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.driver.alive.send_modify(|environments| *environments -= 1);
    }
}

fn count(limit: u32) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}

/// Environments that start at once: enough to keep the cores busy while some wait for their disk, few enough that
/// each is ready soon. A choice of ours; AWS adds up to 1,000 every 10 s.
fn max_starting() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    (cores * STARTING_PER_CORE).max(MIN_STARTING)
}

const STARTING_PER_CORE: usize = 8;
const MIN_STARTING: usize = 16;
