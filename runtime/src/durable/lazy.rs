//! Steps as futures: options first, then the work.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

/// Something that is set up first and begins when it is polled.
pub(crate) enum Lazy<'a, Plan, T> {
    Planned(Box<Plan>),
    Begun(Pin<Box<dyn Future<Output = T> + 'a>>),
    /// Between the two.
    Beginning,
}

impl<'a, Plan, T> Lazy<'a, Plan, T> {
    pub(crate) fn new(plan: Plan) -> Self {
        Self::Planned(Box::new(plan))
    }

    /// Nothing changes any more once it has begun: options are given by value, before.
    #[must_use]
    pub(crate) fn with(mut self, change: impl FnOnce(&mut Plan)) -> Self {
        if let Self::Planned(plan) = &mut self {
            change(plan);
        }
        self
    }

    pub(crate) fn poll<F>(&mut self, task: &mut Context<'_>, begin: impl FnOnce(Plan) -> F) -> Poll<T>
    where
        F: Future<Output = T> + 'a,
    {
        if let Self::Planned(_) = self
            && let Self::Planned(plan) = std::mem::replace(self, Self::Beginning)
        {
            *self = Self::Begun(Box::pin(begin(*plan)));
        }
        match self {
            Self::Begun(work) => work.as_mut().poll(task),
            Self::Planned(_) | Self::Beginning => unreachable!("it has begun just above"),
        }
    }
}
