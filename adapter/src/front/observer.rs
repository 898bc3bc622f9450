//! What the front tells of itself where no call does.

use std::fmt::Debug;

use super::Refusal;

/// Told by the threads that serve callers, who wait for it to return.
pub trait Observer: Debug + Send + Sync {
    /// A caller has connected.
    fn opened(&self);

    /// A connection is over, however it ended. As often as [`opened`](Self::opened).
    fn closed(&self);

    /// A request was refused before any handler saw it.
    fn refused(&self, refusal: Refusal);
}

/// For a front of which nobody wants to know.
impl Observer for () {
    fn opened(&self) {}

    fn closed(&self) {}

    fn refused(&self, _: Refusal) {}
}
