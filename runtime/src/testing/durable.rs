//! Durable functions, run to their ends in no time.
//!
//! A [`World`] is Lambda with a clock of its own: where everything waits, the clock jumps. Executions, retries, timers and
//! journals are those of the service that `stayput dev` embeds, and everything passes through the same JSON as in
//! production.
//!
//! ```
//! use std::time::Duration;
//! use stayput_runtime::{Error, durable::{Function, Step}, testing::durable::World};
//!
//! static CHARGE: Function<u32, String> = Function::new("charge");
//!
//! async fn pay(cents: u32, step: Step) -> Result<String, Error> {
//!     step.sleep("think-it-over", "2 days").await?;
//!     match step.invoke("charge", &CHARGE, cents).timeout("1h").await {
//!         Err(error) if error.is_timeout() => Ok("we shall write to you".to_owned()),
//!         charged => Ok(charged?),
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Error> {
//! let quick = World::new().answers(&CHARGE, "receipt 7".to_owned()).run(pay, 100).await;
//! assert_eq!(quick.result?, "receipt 7");
//! assert_eq!(quick.elapsed, Duration::from_secs(2 * 86_400));
//!
//! let slow = World::new().answers(&CHARGE, "receipt 7".to_owned()).after("3h").run(pay, 100).await;
//! assert_eq!(slow.result?, "we shall write to you");
//!
//! let broken = World::new().fails(&CHARGE, Error::new("CardDeclined", "no")).run(pay, 100).await;
//! assert_eq!(broken.result.unwrap_err().error_type(), "CardDeclined");
//! # Ok(())
//! # }
//! ```
//!
//! What a body awaits besides steps, such as Tokio's timers, takes the time that it takes: Tokio has a clock of its own.

mod journal;
mod roles;
mod simulation;

use std::time::{Duration, SystemTime};

use lambda_durable::{ChildEnd, ErrorObject};
use serde::{Serialize, de::DeserializeOwned};

use self::roles::{Known, Plain, Role};
pub use self::simulation::Running;
use crate::{
    Context, Error,
    durable::{App, Delay, Function, Step},
};

/// Functions, and a clock.
///
/// The options [`after`](Self::after) and [`retries`](Self::retries) are of the function that was added last.
#[derive(Default)]
#[must_use = "nothing happens until `run`"]
pub struct World<'a> {
    functions: Vec<Known<'a>>,
    lost: Vec<usize>,
}

/// What became of a durable function.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Ran<Out> {
    /// What it returned, or the fault that its execution ended with.
    pub result: Result<Out, Error>,
    /// How often it was invoked.
    pub invocations: usize,
    /// How often it has written to its journal.
    pub checkpoints: usize,
    /// The ids of steps whose bodies were run to an end, good or bad, in that order.
    pub steps: Vec<String>,
    /// All functions that were invoked, by anyone, in that order: id or Lambda name, and JSON input.
    pub invoked: Vec<(String, String)>,
    /// What happened, as Lambda's history of the execution tells it.
    pub history: Vec<Happening>,
    /// How long it took, by the world's clock.
    pub elapsed: Duration,
}

/// One event of a history.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Happening {
    /// Since the world began.
    pub at: Duration,
    /// Lambda's `EventType`: `StepSucceeded`, `ChainedInvokeStarted`, `InvocationCompleted`.
    pub what: &'static str,
    /// The step that it happened to, if to one.
    pub step: Option<String>,
}

impl<'a> World<'a> {
    /// A world without functions, on the first of January 2026.
    pub fn new() -> Self {
        Self::default()
    }

    /// The moment in which every world begins.
    pub fn beginning() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(BEGINNING_MS)
    }

    /// A durable function.
    pub fn with<In, Out>(
        mut self,
        function: &Function<In, Out>,
        handler: impl AsyncFn(In, Step) -> Result<Out, Error> + 'a,
    ) -> Self
    where
        In: DeserializeOwned + 'a,
        Out: Serialize + 'a,
    {
        let registered = App::new().with(function, handler).into_functions();
        let roles = registered.into_iter().map(Role::Durable);
        self.functions.extend(roles.map(|role| Known::new(function, role)));
        self
    }

    /// An ordinary function.
    pub fn plain<In, Out>(
        mut self,
        function: &Function<In, Out>,
        handler: impl AsyncFn(In, Context) -> Result<Out, Error> + 'a,
    ) -> Self
    where
        In: DeserializeOwned + 'a,
        Out: Serialize + 'a,
    {
        let handler: Plain<_, In, Out> = Plain::new(handler);
        self.functions.push(Known::new(function, Role::Plain(Box::new(handler))));
        self
    }

    /// A function that always returns `answer`.
    ///
    /// # Panics
    /// If `answer` cannot be written as JSON.
    #[track_caller]
    pub fn answers<In, Out: Serialize>(mut self, function: &Function<In, Out>, answer: Out) -> Self {
        let answer = serde_json::to_string(&answer).expect("the answer can be written as JSON");
        self.functions.push(Known::new(function, Role::Fixed(ChildEnd::Succeeded(answer))));
        self
    }

    /// A function that always fails.
    pub fn fails<In, Out>(mut self, function: &Function<In, Out>, error: impl Into<Error>) -> Self {
        let error = error.into().to_object();
        self.functions.push(Known::new(function, Role::Fixed(ChildEnd::Failed(error))));
        self
    }

    /// A function that somebody stops, with this error.
    pub fn stopped<In, Out>(mut self, function: &Function<In, Out>, error: impl Into<Error>) -> Self {
        let error = error.into().to_object();
        self.functions.push(Known::new(function, Role::Fixed(ChildEnd::Stopped(error))));
        self
    }

    /// A durable function whose own execution comes to the end of its time.
    pub fn times_out<In, Out>(mut self, function: &Function<In, Out>) -> Self {
        let error = ErrorObject::new("ChainedInvoke.Timeout", "the execution's time was over");
        self.functions.push(Known::new(function, Role::Fixed(ChildEnd::TimedOut(error))));
        self
    }

    /// A function that never ends.
    pub fn never_ends<In, Out>(mut self, function: &Function<In, Out>) -> Self {
        self.functions.push(Known::new(function, Role::Endless));
        self
    }

    /// How long the function takes that was added last, besides what it waits for itself.
    ///
    /// # Panics
    /// If there is no function yet, or `delay` is no time.
    #[track_caller]
    pub fn after(mut self, delay: impl Into<Delay>) -> Self {
        let seconds = delay.into().seconds(Self::beginning()).expect("a delay");
        self.functions.last_mut().expect("a function comes before `after`").seconds = seconds;
        self
    }

    /// How often the durable function that was added last is run again where it fails: [`App::retries`].
    ///
    /// # Panics
    /// If the last one is none.
    #[track_caller]
    pub fn retries(mut self, retries: u32) -> Self {
        match self.functions.last_mut().map(|known| &mut known.role) {
            Some(Role::Durable(registered)) => registered.retries = retries,
            Some(_) | None => panic!("a durable function comes before `retries`"),
        }
        self
    }

    /// The answer to the `n`-th checkpoint of the function that is run, counted from 1, is lost, and with it the invocation:
    /// as if the process had died. Lambda runs the function again.
    pub fn losing(mut self, n: usize) -> Self {
        self.lost.push(n);
        self
    }

    /// Runs `handler` with `input` until its execution is over.
    ///
    /// # Panics
    /// If `input` cannot be written as JSON.
    pub async fn run<In, Out>(
        self,
        handler: impl AsyncFn(In, Step) -> Result<Out, Error>,
        input: impl Serialize,
    ) -> Ran<Out>
    where
        In: DeserializeOwned,
        Out: Serialize + DeserializeOwned,
    {
        self.start(input).finish(handler).await
    }

    /// Invokes a function of this world, and waits until its execution is over.
    ///
    /// # Panics
    /// If it is no durable function of this world, or `input` cannot be written as JSON.
    pub async fn invoke<In, Out>(self, function: &Function<In, Out>, input: In) -> Ran<Out>
    where
        In: Serialize,
        Out: DeserializeOwned,
    {
        let at = self.functions.iter().position(|known| known.is(function));
        self.start(input).finish_known(at.expect("the function is of this world")).await
    }

    /// Begins an execution whose invocations are made one by one, each with whatever code there is by then: what becomes of
    /// an execution when its function is deployed anew.
    ///
    /// ```
    /// use stayput_runtime::{Error, durable::Step, testing::durable::World};
    ///
    /// async fn old(_: (), step: Step) -> Result<u32, Error> {
    ///     step.sleep("night", "8h").await?;
    ///     Ok(1)
    /// }
    ///
    /// async fn new(_: (), step: Step) -> Result<u32, Error> {
    ///     let two = step.run("two", async || Ok(2)).await?;
    ///     step.sleep("night", "8h").await?;
    ///     Ok(two)
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let mut running = World::new().start(());
    /// running.invocation(old).await;
    /// assert_eq!(running.finish(new).await.result.unwrap(), 2);
    /// # }
    /// ```
    ///
    /// # Panics
    /// If `input` cannot be written as JSON.
    #[track_caller]
    pub fn start(self, input: impl Serialize) -> Running<'a> {
        let input = serde_json::to_string(&input).expect("the input can be written as JSON");
        Running::new(self.functions, self.lost, input)
    }
}

/// 2026-01-01T00:00:00Z, milliseconds.
const BEGINNING_MS: u64 = 1_767_225_600_000;
