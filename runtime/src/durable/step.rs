//! What a durable function is given besides its input: the way to its steps.

use std::{fmt, rc::Rc, time::SystemTime};

use serde::{Serialize, de::DeserializeOwned};

use super::{
    delay::Delay,
    function::Function,
    identity::StepKind,
    invoke::{Call, Invoke},
    invoke_each::InvokeEach,
    run::Run,
    session::Session,
    sleep::Sleep,
};
use crate::Error;

/// The way to a durable function's steps.
///
/// A step happens once, however often the function is run: what it gave is kept, and given again at once. A step is known by
/// its **id** and not by its place in the code, so steps may be moved, added and taken away while executions are under way.
/// An id that is used again, as in a loop, is another step each time: the first use, the second use, in the order of the
/// calls. Where that order may differ from run to run, as among things that run together, give each an id of its own.
///
/// Steps that are awaited together run together: `tokio::join!`, `futures::join!` and the like. What they have to say is
/// sent together, too.
///
/// A step that has begun and is dropped, by a `select!` for instance, goes on; nobody hears of its end.
///
/// Whatever is awaited besides steps is awaited as ever, as long as no step waits for something outside. Once one does,
/// and nothing else is under way, the invocation ends, and the function is run from its beginning when there is news. So
/// what must happen once belongs into [`run`](Self::run).
#[derive(Clone)]
pub struct Step {
    session: Rc<Session>,
}

impl Step {
    pub(crate) fn new(session: Rc<Session>) -> Self {
        Self { session }
    }

    /// The execution's ARN: the same in each of its invocations, and of no other execution. So it does for an idempotency key,
    /// where something outside must happen once.
    ///
    /// ```
    /// use stayput_runtime::{Error, durable::Step};
    /// # async fn charge(cents: u32, idempotency_key: &str) -> Result<String, std::io::Error> { Ok(idempotency_key.into()) }
    ///
    /// async fn pay(cents: u32, step: Step) -> Result<String, Error> {
    ///     let key = format!("{} charge", step.execution_arn());
    ///     step.run("charge", async || Ok(charge(cents, &key).await?)).await.map_err(Error::from)
    /// }
    /// ```
    ///
    /// Source: `DurableExecutionArn` in the invocation's event, `reference/durable.md` 4.2.
    pub fn execution_arn(&self) -> &str {
        &self.session.arn
    }

    /// Invokes another function, and gives what it returns.
    ///
    /// ```
    /// use stayput_runtime::{Error, durable::{Function, Step}};
    ///
    /// #[derive(serde::Serialize, serde::Deserialize)]
    /// struct Number { number: i64 }
    /// #[derive(serde::Serialize, serde::Deserialize)]
    /// struct Square { result: i64 }
    ///
    /// static COMPUTE_SQUARE: Function<Number, Square> = Function::new("compute-square");
    ///
    /// async fn main_function(_: (), step: Step) -> Result<String, Error> {
    ///     let square = step.invoke("compute-square-value", &COMPUTE_SQUARE, Number { number: 4 }).timeout("1h").await?;
    ///     Ok(format!("Square of 4 is {}.", square.result))
    /// }
    /// ```
    ///
    /// The other function runs by itself, with its own retries. If it fails, is not there, or takes too long, that is a
    /// [`StepError`](super::StepError), and it is not invoked again.
    pub fn invoke<In, Out>(&self, id: &str, function: &Function<In, Out>, input: In) -> Invoke<Out>
    where
        In: Serialize,
        Out: DeserializeOwned + 'static,
    {
        let claim = self.session.claim(id, StepKind::Invoke);
        Invoke::new(Call::new(Rc::clone(&self.session), claim, function.name(), &input))
    }

    /// Invokes another function once for each of `inputs`, and gives what they return, in the order of the inputs.
    ///
    /// ```
    /// use stayput_runtime::{Error, durable::{Function, Step}};
    ///
    /// static COUNT_WORDS: Function<String, u64> = Function::new("count-words");
    ///
    /// async fn count(pages: Vec<String>, step: Step) -> Result<u64, Error> {
    ///     let counts = step.invoke_each("count", &COUNT_WORDS, pages).limit(10).await;
    ///     let mut sum = 0;
    ///     for count in counts {
    ///         sum += count?;
    ///     }
    ///     Ok(sum)
    /// }
    /// ```
    ///
    /// Each is a step by itself, a use of `id`. All of them come to their ends, whatever becomes of the others.
    pub fn invoke_each<In, Out>(
        &self,
        id: &str,
        function: &Function<In, Out>,
        inputs: impl IntoIterator<Item = In>,
    ) -> InvokeEach<Out>
    where
        In: Serialize,
        Out: DeserializeOwned + 'static,
    {
        InvokeEach::new(inputs.into_iter().map(|input| self.invoke(id, function, input)).collect())
    }

    /// Runs `body`, and keeps what it gives: of a step that is done, the body is not run again.
    ///
    /// ```
    /// use stayput_runtime::{Error, durable::Step};
    /// # async fn charge(cents: u32) -> Result<String, std::io::Error> { Ok(cents.to_string()) }
    ///
    /// async fn pay(cents: u32, step: Step) -> Result<String, Error> {
    ///     let receipt = step.run("charge", async || Ok(charge(cents).await?)).retries(2).await?;
    ///     Ok(receipt)
    /// }
    /// ```
    ///
    /// A body that fails is run again, up to [`retries`](Run::retries) times, unless it fails with an error that is
    /// [not to be retried](Error::not_retried). If the process dies while a body runs, it is run again, so a body can
    /// happen more than once: let what it does bear that. There are no steps within a body.
    pub fn run<'a, T, F>(&self, id: &str, body: F) -> Run<'a, T, F>
    where
        F: AsyncFnMut() -> Result<T, Error> + 'a,
        T: Serialize + DeserializeOwned + 'a,
    {
        Run::new(Rc::clone(&self.session), self.session.claim(id, StepKind::Run), body)
    }

    /// Waits, without anything running meanwhile.
    ///
    /// ```
    /// use stayput_runtime::{Error, durable::Step};
    ///
    /// async fn remind(_: (), step: Step) -> Result<(), Error> {
    ///     step.sleep("a-while", "3 days").await?;
    ///     Ok(())
    /// }
    /// ```
    pub fn sleep(&self, id: &str, delay: impl Into<Delay>) -> Sleep {
        Sleep::new(Rc::clone(&self.session), self.session.claim(id, StepKind::Sleep), delay.into())
    }

    /// Waits until `moment`; if that has passed, for a second. To be the same in every run, the moment must come from the
    /// input or from a step.
    ///
    /// ```
    /// use std::time::{Duration, SystemTime};
    /// use stayput_runtime::{Error, durable::Step};
    ///
    /// async fn wake(at_unix_seconds: u64, step: Step) -> Result<(), Error> {
    ///     let at = SystemTime::UNIX_EPOCH + Duration::from_secs(at_unix_seconds);
    ///     step.sleep_until("alarm", at).await?;
    ///     Ok(())
    /// }
    /// ```
    pub fn sleep_until(&self, id: &str, moment: SystemTime) -> Sleep {
        self.sleep(id, moment)
    }
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Step")
    }
}
