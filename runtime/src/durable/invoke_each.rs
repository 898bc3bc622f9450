//! `step.invoke_each`: a function, once for each of many inputs.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use serde::de::DeserializeOwned;

use super::{delay::Delay, invoke::Invoke, step_error::StepError};

/// Steps that invoke one function: [`Step::invoke_each`](super::Step::invoke_each). To be awaited.
#[must_use = "a step does nothing unless it is awaited"]
pub struct InvokeEach<Out> {
    places: Vec<Place<Out>>,
    limit: usize,
}

enum Place<Out> {
    Open(Invoke<Out>),
    Over(Option<Result<Out, StepError>>),
}

impl<Out> InvokeEach<Out> {
    pub(crate) fn new(calls: Vec<Invoke<Out>>) -> Self {
        Self { places: calls.into_iter().map(Place::Open).collect(), limit: usize::MAX }
    }

    /// How many may be under way at once: all of them, if nothing is said. The next one is invoked when one is over; 0 is
    /// taken for 1.
    pub fn limit(self, limit: usize) -> Self {
        Self { limit: limit.max(1), ..self }
    }

    /// How long each may take, from when it is invoked: [`Invoke::timeout`].
    pub fn timeout(self, timeout: impl Into<Delay>) -> Self {
        let timeout = timeout.into();
        let timed = |place| match place {
            Place::Open(call) => Place::Open(call.timeout(timeout.clone())),
            Place::Over(result) => Place::Over(result),
        };
        Self { places: self.places.into_iter().map(timed).collect(), ..self }
    }
}

/// It is never pinned itself: what it waits for lies in boxes.
impl<Out> Unpin for InvokeEach<Out> {}

impl<Out: DeserializeOwned + 'static> Future for InvokeEach<Out> {
    type Output = Vec<Result<Out, StepError>>;

    fn poll(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { places, limit } = &mut *self;
        let mut open = 0;
        for place in &mut *places {
            let Place::Open(call) = place else { continue };
            match Pin::new(call).poll(task) {
                Poll::Ready(result) => *place = Place::Over(Some(result)),
                Poll::Pending => open += 1,
            }
            if open == *limit {
                return Poll::Pending;
            }
        }
        if open > 0 {
            return Poll::Pending;
        }
        let results = places.iter_mut().map(|place| match place {
            Place::Over(result) => result.take().expect("a future is not polled after its end"),
            Place::Open(_) => unreachable!("none is open"),
        });
        Poll::Ready(results.collect())
    }
}
