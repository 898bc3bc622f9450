//! An alarm that may not be set.

use std::{
    future::pending,
    time::{Duration, Instant},
};

use tokio::time::{sleep, sleep_until};

/// Returns then; never, if it is not set. Cancel safe.
pub(crate) async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment.into()).await,
        None => pending().await,
    }
}

/// Returns so long after its first poll; never, if it is not set. Cancel safe.
pub(crate) async fn after(wait: Option<Duration>) {
    match wait {
        Some(wait) => sleep(wait).await,
        None => pending().await,
    }
}
