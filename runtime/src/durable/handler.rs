//! A durable function's own code, types aside.

use std::{marker::PhantomData, pin::Pin};

use serde::{Serialize, de::DeserializeOwned};

use super::step::Step;
use crate::{Error, event_function};

/// From JSON text to JSON text.
pub(crate) trait Handler {
    fn call(&self, input: String, step: Step) -> Working<'_>;
}

pub(crate) type Working<'a> = Pin<Box<dyn Future<Output = Result<String, Error>> + 'a>>;

pub(crate) struct Typed<F, In, Out> {
    handler: F,
    types: PhantomData<fn(In) -> Out>,
}

impl<F, In, Out> Typed<F, In, Out> {
    pub(crate) fn new(handler: F) -> Self {
        Self { handler, types: PhantomData }
    }
}

impl<F, In, Out> Handler for Typed<F, In, Out>
where
    F: AsyncFn(In, Step) -> Result<Out, Error>,
    In: DeserializeOwned,
    Out: Serialize,
{
    fn call(&self, input: String, step: Step) -> Working<'_> {
        Box::pin(async move {
            let input = event_function::decode(&input).map_err(Error::not_retried)?;
            let result = (self.handler)(input, step).await?;
            serde_json::to_string(&result)
                .map_err(|error| Error::new(Error::INVALID_ANSWER, error.to_string()))
        })
    }
}
