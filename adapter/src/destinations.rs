//! Does a function tell the callbacks' queue how its calls end? In front of AWS that is a matter of its configuration, and without
//! it a promised callback could only ever tell that no outcome came.

use std::{fmt, future::Future, pin::Pin};

use lambda_protocol::function::{FunctionRef, Qualifier};

/// Knows where functions' destinations lead.
pub trait Destinations: fmt::Debug + Send + Sync {
    /// Do the ends of such calls come to the callbacks' queue, good and bad ones? Where that cannot be found out now, they are
    /// taken to.
    fn lead_here<'a>(&'a self, function: &'a FunctionRef, qualifier: Option<&'a Qualifier>) -> Answer<'a>;
}

/// An answer on its way.
pub type Answer<'a> = Pin<Box<dyn Future<Output = bool> + Send + 'a>>;
