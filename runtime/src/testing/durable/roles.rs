//! What a function of the world does.

use std::{marker::PhantomData, pin::Pin};

use lambda_durable::ChildEnd;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use crate::{
    Context, Error,
    durable::{Function, Registered, resolver::Resolver},
    event_function, testing,
};

/// A function of the world.
pub(super) struct Known<'a> {
    /// Id or Lambda name.
    pub(super) name: String,
    /// As Lambda is asked for it.
    pub(super) target: String,
    pub(super) role: Role<'a>,
    /// What it takes.
    pub(super) seconds: u64,
}

pub(super) enum Role<'a> {
    Durable(Registered<'a>),
    Plain(Box<dyn PlainHandler + 'a>),
    Fixed(ChildEnd),
    Endless,
}

impl<'a> Known<'a> {
    pub(super) fn new<In, Out>(function: &Function<In, Out>, role: Role<'a>) -> Self {
        let target = Resolver::default().target(function.name()).unwrap_or_default();
        Self { name: function.to_string(), target, role, seconds: 0 }
    }

    pub(super) fn is<In, Out>(&self, function: &Function<In, Out>) -> bool {
        self.name == function.to_string() && matches!(self.role, Role::Durable(_))
    }
}

/// An ordinary function's handler, types aside.
pub(super) trait PlainHandler {
    fn call(&self, input: String) -> Pin<Box<dyn Future<Output = Result<String, Error>> + '_>>;
}

pub(super) struct Plain<F, In, Out>(F, PhantomData<fn(In) -> Out>);

impl<F, In, Out> Plain<F, In, Out> {
    pub(super) fn new(handler: F) -> Self {
        Self(handler, PhantomData)
    }
}

impl<F, In, Out> PlainHandler for Plain<F, In, Out>
where
    F: AsyncFn(In, Context) -> Result<Out, Error>,
    In: DeserializeOwned,
    Out: Serialize,
{
    fn call(&self, input: String) -> Pin<Box<dyn Future<Output = Result<String, Error>> + '_>> {
        Box::pin(async move {
            let event = RawValue::from_string(input)?;
            let answer = event_function::call(&self.0, &event, testing::context()).await?;
            Ok(event_function::encode(&answer)?.get().to_owned())
        })
    }
}
