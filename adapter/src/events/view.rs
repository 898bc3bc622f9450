//! What the operator sees and steers, wherever it is kept.

use std::error::Error;

#[cfg(feature = "aws")]
use super::Promises;
use super::{Act, Call, Event, Events, Filter, Page, Steered};
use crate::metrics::Depth;

/// The asynchronous calls: of this machine, or those that were promised a callback in front of AWS.
#[derive(Clone, Debug)]
pub enum View {
    Here(Events),
    #[cfg(feature = "aws")]
    Aws(Promises),
}

/// Some of the events.
#[derive(Clone, Debug, PartialEq)]
pub struct Viewed {
    pub events: Vec<Event>,
    /// The next page, for [`View::list`]; `None`: that was all.
    pub next: Option<String>,
}

/// Why nothing is seen or done.
#[derive(Debug, thiserror::Error)]
pub enum ViewError {
    #[error("{0}")]
    NotVisible(&'static str),
    #[error("page: {0:?} is no page of this list")]
    Page(String),
    #[error("what is kept of the calls cannot be read or written")]
    Broken(#[source] Box<dyn Error + Send + Sync>),
}

/// Errors of all of these: [`ViewError`].
#[allow(clippy::missing_errors_doc, reason = "said once, above")]
impl View {
    /// At most `limit`, from where the last page ended.
    pub async fn list(&self, filter: Filter, from: Option<&str>, limit: usize) -> Result<Viewed, ViewError> {
        match self {
            Self::Here(events) => {
                let page = from.map(|text| Page::parse(text).ok_or_else(|| ViewError::Page(text.to_owned())));
                let page = page.transpose()?.unwrap_or_default();
                let listed = events.list(filter, page, limit).await.map_err(broken)?;
                Ok(Viewed { events: listed.events, next: listed.next.map(|page| page.to_string()) })
            }
            #[cfg(feature = "aws")]
            Self::Aws(promises) => promises.list(filter, from.map(str::to_owned), limit).await,
        }
    }

    /// Everything that there is of a call, by our id of it; or one event, by its own.
    pub async fn find(&self, id: &str) -> Result<Vec<Event>, ViewError> {
        match self {
            Self::Here(events) => events.find(id).await.map_err(broken),
            #[cfg(feature = "aws")]
            Self::Aws(promises) => promises.find(id).await,
        }
    }

    /// All that is known of the calls that go by this id, the latest first.
    pub async fn calls(&self, id: &str) -> Result<Vec<Call>, ViewError> {
        match self {
            Self::Here(events) => events.calls(id).await.map_err(broken),
            #[cfg(feature = "aws")]
            Self::Aws(promises) => promises.calls(id).await,
        }
    }

    /// Acts on everything that there is of a call, or on one event.
    pub async fn steer(&self, id: &str, act: Act) -> Result<Steered, ViewError> {
        match self {
            Self::Here(events) => events.steer(id, act).await.map_err(broken),
            #[cfg(feature = "aws")]
            Self::Aws(promises) => promises.steer(id, act).await,
        }
    }

    /// Acts on all that are meant and stand so that it can be done.
    pub async fn steer_those(&self, filter: Filter, act: Act) -> Result<Steered, ViewError> {
        match self {
            Self::Here(events) => events.steer_those(filter, act).await.map_err(broken),
            #[cfg(feature = "aws")]
            Self::Aws(promises) => promises.steer_those(filter, act).await,
        }
    }

    /// How the queues stand.
    pub async fn depths(&self) -> Vec<Depth> {
        match self {
            Self::Here(events) => events.depths().await,
            #[cfg(feature = "aws")]
            Self::Aws(promises) => promises.depths().await,
        }
    }
}

pub(super) fn broken(error: impl Error + Send + Sync + 'static) -> ViewError {
    ViewError::Broken(error.into())
}
