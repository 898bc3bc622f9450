//! The one way to a function's code, for calls that passed every check, whoever waits for them.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use http::HeaderValue;
use lambda_protocol::{
    api_error::{ApiError, ThrottleReason},
    fault::Fault,
    trace::Trace,
};
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use crate::{
    answer::{Answer, Answering, Arrived, Failure, Lost, Reply},
    environment::{Call, Job},
    events::lineage,
    function::{Function, Unavailable},
    functions::Functions,
    pool::{Refusal, driver::Driver},
};

/// The functions and what runs them. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Runner {
    pub(crate) functions: Arc<Functions>,
    pub(crate) driver: Arc<Driver>,
}

/// Why a function was not run, or not to its end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum NotRun {
    Throttled(ThrottleReason),
    /// The service is shutting down.
    Closed,
    /// The service could not run it.
    Lost,
}

impl Runner {
    /// Runs the function at this place. The future may be dropped: what has begun goes on to its end.
    ///
    /// # Errors
    /// It was not run. A function that ran and failed has answered.
    pub(crate) async fn run(&self, at: usize, call: Call) -> Result<Answer, NotRun> {
        let (reply, answered) = Reply::whole();
        self.begin(at, call, reply)?;
        answered.await.map_err(|_| self.lost())
    }

    /// Likewise, as soon as there is a place, if there is one within `patience`.
    ///
    /// # Errors
    /// It was not run.
    pub(crate) async fn run_within(
        &self,
        at: usize,
        call: &Call,
        patience: Duration,
    ) -> Result<Answer, NotRun> {
        let until = Instant::now() + patience;
        loop {
            match self.run(at, call.clone()).await {
                Err(NotRun::Throttled(reason)) => {
                    let Some(turn) = self.driver.stand_in_line(at) else { continue };
                    let _ = timeout_at(until, turn).await.map_err(|_| NotRun::Throttled(reason))?;
                }
                ended => return ended,
            }
        }
    }

    /// Like [`run`](Self::run), and hands the answer on as it is made: what has come of it, once something has.
    ///
    /// # Errors
    /// It was not run.
    pub(crate) async fn run_in_pieces(&self, at: usize, call: Call) -> Result<(Arrived, Answering), NotRun> {
        let (reply, mut answering) = Reply::in_pieces();
        self.begin(at, call, reply)?;
        let first = answering.next().await.map_err(|Lost| self.lost())?;
        Ok((first, answering))
    }

    fn begin(&self, at: usize, call: Call, reply: Reply) -> Result<(), NotRun> {
        let function = self.functions.get(at);
        if let Err(unavailable) = &function.program {
            reply.end(cannot_run(&function, unavailable, call.request_id));
            return Ok(());
        }
        let job = Box::new(Job { call, reply });
        self.driver.invoke(at, job).map_err(|refusal| match refusal {
            Refusal::Throttled(reason) => NotRun::Throttled(reason),
            Refusal::Closed => NotRun::Closed,
        })
    }

    /// What the function of this name has for itself.
    pub(crate) fn reserved(&self, name: &str) -> Option<usize> {
        self.driver.reserved(self.functions.named(name)?)
    }

    fn lost(&self) -> NotRun {
        if self.driver.is_closing() { NotRun::Closed } else { NotRun::Lost }
    }
}

impl From<NotRun> for ApiError {
    fn from(why: NotRun) -> Self {
        match why {
            NotRun::Throttled(reason) => Self::throttled(reason),
            NotRun::Closed => Self::service("The local Lambda is shutting down."),
            NotRun::Lost => Self::service("The local Lambda could not run the function."),
        }
    }
}

/// A call's place in its trace.
#[derive(Debug)]
pub(crate) struct Traces {
    /// For the function, and for whatever it calls.
    pub(crate) function: HeaderValue,
    /// For the caller.
    pub(crate) caller: HeaderValue,
    /// The function calls itself, by whatever way, too often.
    pub(crate) is_loop: bool,
}

impl Traces {
    /// The caller's own trace, continued by a call of `function`, or one made of the request id.
    pub(crate) fn of_call(given: Option<&str>, function: &str, request_id: Uuid, now: SystemTime) -> Self {
        let mut trace = continued(given, request_id, now);
        let called = lineage::call(trace.lineage, function);
        let (_, low) = request_id.as_u64_pair();
        trace.parent = Some(low);
        trace.lineage = Some(&called.lineage);
        let to_function = trace.to_header();
        (trace.parent, trace.lineage) = (None, None);
        Self { function: to_function, caller: trace.to_header(), is_loop: called.is_loop() }
    }
}

/// The caller's trace with its lineage, or a new one made of the request id.
pub(crate) fn continued(given: Option<&str>, request_id: Uuid, now: SystemTime) -> Trace<'_> {
    let [_, _, _, _, random @ ..] = *request_id.as_bytes();
    let mut trace = given.and_then(Trace::parse).unwrap_or_else(|| Trace::new(now, random));
    trace.sampled.get_or_insert(false);
    trace
}

/// A function whose language or package is missing is there, but fails, and says what to do about it.
fn cannot_run(function: &Function, Unavailable(install): &Unavailable, request_id: Uuid) -> Answer {
    let fault = Fault {
        error_type: Some("Runtime.InvalidEntrypoint".to_owned()),
        error_message: Some(format!(
            "RequestId: {request_id} Error: {} cannot run on this machine: {install}",
            function.name
        )),
        trace: Vec::new(),
    };
    Answer { payload: fault.encode().into(), failure: Some(Failure::made(&fault)), log_result: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "Root=1-5759e988-bd862e3fe1be46a994272793";

    #[test]
    fn a_callers_trace_is_continued() {
        let given = format!("{ROOT};Sampled=1");
        let traces = Traces::of_call(Some(&given), "a", Uuid::from_u128(7), SystemTime::UNIX_EPOCH);
        let expected = format!("{ROOT};Parent=0000000000000007;Sampled=1;Lineage=1:e8b7be43:0");
        assert_eq!(traces.function, expected);
        assert_eq!(traces.caller, format!("{ROOT};Sampled=1"));
        assert!(!traces.is_loop);
    }

    #[test]
    fn a_function_that_hands_its_trace_on_to_itself_is_a_loop_in_the_end() {
        let mut trace = ROOT.to_owned();
        for _ in 0..lineage::MAX_RUNS {
            let traces = Traces::of_call(Some(&trace), "a", Uuid::from_u128(7), SystemTime::UNIX_EPOCH);
            assert!(!traces.is_loop, "{trace}");
            trace = traces.function.to_str().unwrap().to_owned();
        }
        assert!(Traces::of_call(Some(&trace), "a", Uuid::from_u128(7), SystemTime::UNIX_EPOCH).is_loop);
    }
}
