//! Request bodies, collected with a bound and without copying them twice.

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};

/// A whole body.
#[derive(Debug)]
pub(crate) struct Collected {
    pub(crate) bytes: Bytes,
    pub(crate) trailers: Option<HeaderMap>,
}

/// Why there is no whole body.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Incomplete {
    /// Over the limit, by its announced length or by what has come of it.
    TooLarge,
    /// The connection ended first.
    Cut,
}

/// # Errors
/// There is no whole body of at most `limit` bytes. One that announces more is not read at all.
pub(crate) async fn collect(body: &mut Incoming, limit: usize) -> Result<Collected, Incomplete> {
    let announced = body.size_hint();
    if announced.lower() > limit as u64 {
        return Err(Incomplete::TooLarge);
    }
    let announced = announced.exact().and_then(|length| usize::try_from(length).ok()).unwrap_or_default();
    let mut first = Bytes::new();
    let mut joined = BytesMut::new();
    let mut trailers = None;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Incomplete::Cut)?;
        match frame.into_data() {
            Ok(data) if first.is_empty() && joined.is_empty() => first = data,
            Ok(data) => {
                if joined.is_empty() {
                    joined.reserve(announced.max(first.len() + data.len()));
                    joined.extend_from_slice(&std::mem::take(&mut first));
                }
                joined.extend_from_slice(&data);
            }
            Err(frame) => trailers = frame.into_trailers().ok(),
        }
        if first.len() + joined.len() > limit {
            return Err(Incomplete::TooLarge);
        }
    }
    let bytes = if joined.is_empty() { first } else { joined.freeze() };
    Ok(Collected { bytes, trailers })
}

/// Reads what is left of a refused body, so that its sender comes to read the refusal.
pub(crate) async fn discard(body: &mut Incoming) {
    let mut left = DISCARD_BYTES;
    while let Some(Ok(frame)) = body.frame().await {
        left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
        if left == 0 {
            return;
        }
    }
}

/// Most of a refused body that is read; beyond it the connection is closed. Our choice: ten times what could have
/// been accepted.
const DISCARD_BYTES: usize = 64 << 20;
