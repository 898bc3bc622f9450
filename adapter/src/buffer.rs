//! Request bodies into memory, within bounds: one for the body, one for all bodies together.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header};
use http_body_util::BodyExt;
use stayput_core::Rejection;

/// The bound on all bodies in memory together. Cheap to clone; all clones count together.
#[derive(Clone, Debug)]
pub struct BufferBudget {
    used: Arc<AtomicUsize>,
    limit_bytes: usize,
}

/// A share of the budget; dropping it gives the share back.
#[derive(Debug)]
pub struct Reservation {
    used: Arc<AtomicUsize>,
    bytes: usize,
}

impl BufferBudget {
    pub fn new(limit_bytes: usize) -> Self {
        Self { used: Arc::default(), limit_bytes }
    }

    pub fn used_bytes(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Reads a body that may have up to `limit` bytes. What it says of its own length is judged before a byte is read.
    ///
    /// # Errors
    /// Too large, no room, or not arrived whole.
    pub async fn collect<B>(
        &self,
        headers: &HeaderMap,
        body: &mut B,
        limit: usize,
    ) -> Result<(Bytes, Reservation), Rejection>
    where
        B: http_body::Body<Data = Bytes> + Unpin,
    {
        let announced = announced_length(headers).unwrap_or(0);
        if announced > limit {
            return Err(Rejection::PayloadTooLarge { limit });
        }
        let mut share = self.reserve(announced)?;
        let mut first = Bytes::new();
        let mut rest = BytesMut::new();
        loop {
            let arrived = tokio::time::timeout(STALL_LIMIT, body.frame()).await;
            let Some(frame) = arrived.map_err(|_| Rejection::BodyTimeout)? else { break };
            let Ok(frame) = frame else { return Err(Rejection::BodyIncomplete) };
            let Ok(data) = frame.into_data() else { continue };
            let total = first.len() + rest.len() + data.len();
            if total > limit {
                return Err(Rejection::PayloadTooLarge { limit });
            }
            share.grow_to(total, self.limit_bytes)?;
            if first.is_empty() && rest.is_empty() {
                first = data;
                continue;
            }
            if rest.is_empty() {
                // A second piece: only now is there something to put together.
                rest.reserve(announced.max(total));
                rest.extend_from_slice(&std::mem::take(&mut first));
            }
            rest.extend_from_slice(&data);
        }
        let whole = if rest.is_empty() { first } else { rest.freeze() };
        Ok((whole, share))
    }

    /// A share that grows as bytes arrive: what a caller merely announces takes no room from the others. A body that
    /// has no room now is refused now.
    fn reserve(&self, announced: usize) -> Result<Reservation, Rejection> {
        let used = self.used_bytes();
        if used >= self.limit_bytes || announced > self.limit_bytes - used {
            return Err(Rejection::Overloaded { limit: self.limit_bytes });
        }
        Ok(Reservation { used: Arc::clone(&self.used), bytes: 0 })
    }
}

impl Reservation {
    fn grow_to(&mut self, bytes: usize, limit: usize) -> Result<(), Rejection> {
        let more = bytes.saturating_sub(self.bytes);
        if more == 0 {
            return Ok(());
        }
        if self.used.fetch_add(more, Ordering::Relaxed) + more > limit {
            self.used.fetch_sub(more, Ordering::Relaxed);
            return Err(Rejection::Overloaded { limit });
        }
        self.bytes += more;
        Ok(())
    }

    /// The request's bytes are gone and the answer's are here: counts those instead. Never refused, since they
    /// are in memory already; they weigh on what is admitted next.
    pub fn exchange_for(&mut self, bytes: usize) {
        self.used.fetch_add(bytes, Ordering::Relaxed);
        self.used.fetch_sub(self.bytes, Ordering::Relaxed);
        self.bytes = bytes;
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// How long a body may stand still (security-and-delivery.md 1.4).
const STALL_LIMIT: Duration = Duration::from_secs(30);

/// Reads what is left of a refused body and throws it away, so that a caller who is still sending gets to read the
/// refusal instead of a broken connection. Bounded; a caller who sends on and on is cut off after all.
pub fn discard<B>(headers: &HeaderMap, mut body: B)
where
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Send,
{
    // Whoever asks before sending (RFC 9110 section 10.1.1) is not told to go on by reading.
    if body.is_end_stream() || headers.contains_key(header::EXPECT) {
        return;
    }
    tokio::spawn(tokio::time::timeout(DISCARD_TIME, async move {
        let mut left = DISCARD_BYTES;
        while let Some(Ok(frame)) = body.frame().await {
            let Some(rest) = left.checked_sub(frame.data_ref().map_or(0, Bytes::len)) else { return };
            left = rest;
        }
    }));
}

/// More than the largest body that Lambda takes.
const DISCARD_BYTES: usize = 8 << 20;
const DISCARD_TIME: Duration = Duration::from_secs(5);

/// `Content-Length`; hyper has already refused one that is not a number.
fn announced_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use http_body_util::Full;

    use super::*;

    fn run<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
    }

    fn announcing(length: usize) -> HeaderMap {
        HeaderMap::from_iter([(header::CONTENT_LENGTH, length.into())])
    }

    /// A body of several frames, announcing nothing.
    struct Pieces(Vec<&'static [u8]>);

    impl http_body::Body for Pieces {
        type Data = Bytes;
        type Error = std::convert::Infallible;

        fn poll_frame(
            mut self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
            let next = (!self.0.is_empty()).then(|| self.0.remove(0));
            std::task::Poll::Ready(next.map(|piece| Ok(http_body::Frame::data(Bytes::from_static(piece)))))
        }
    }

    /// A body that never comes.
    struct Silent;

    impl http_body::Body for Silent {
        type Data = Bytes;
        type Error = std::convert::Infallible;

        fn poll_frame(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
            std::task::Poll::Pending
        }
    }

    #[test]
    fn pieces_come_together_in_order() {
        let budget = BufferBudget::new(100);
        let mut body = Pieces(vec![b"ab", b"", b"cd", b"e"]);
        let (bytes, share) = run(budget.collect(&HeaderMap::new(), &mut body, 5)).unwrap();
        assert_eq!(bytes, "abcde");
        assert_eq!(budget.used_bytes(), 5);
        drop(share);
        assert_eq!(budget.used_bytes(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_stands_still_is_given_up() {
        let budget = BufferBudget::new(100);
        let mut body = Silent;
        let refused = budget.collect(&announcing(5), &mut body, 5).await;
        assert_eq!(refused.err(), Some(Rejection::BodyTimeout));
        assert_eq!(budget.used_bytes(), 0);
    }

    #[test]
    fn an_announced_length_over_the_limit_is_refused_unread() {
        let budget = BufferBudget::new(100);
        let refused = run(budget.collect(&announcing(6), &mut Full::new(Bytes::new()), 5));
        assert_eq!(refused.err(), Some(Rejection::PayloadTooLarge { limit: 5 }));
    }

    #[test]
    fn an_unannounced_body_is_cut_off_at_the_limit() {
        let budget = BufferBudget::new(100);
        let refused = run(budget.collect(&HeaderMap::new(), &mut Pieces(vec![b"abc", b"def"]), 5));
        assert_eq!(refused.err(), Some(Rejection::PayloadTooLarge { limit: 5 }));
        assert_eq!(budget.used_bytes(), 0, "what was read is given back");
    }

    #[test]
    fn all_bodies_together_stay_within_the_budget() {
        let budget = BufferBudget::new(10);
        let (_, mut held) = run(budget.collect(&announcing(6), &mut Full::new("abcdef".into()), 10)).unwrap();
        let refused = run(budget.collect(&announcing(6), &mut Full::new("abcdef".into()), 10));
        assert_eq!(refused.err(), Some(Rejection::Overloaded { limit: 10 }));
        let refused = run(budget.collect(&HeaderMap::new(), &mut Pieces(vec![b"abc", b"def"]), 10));
        assert_eq!(refused.err(), Some(Rejection::Overloaded { limit: 10 }), "unannounced");
        held.exchange_for(10);
        let refused = run(budget.collect(&HeaderMap::new(), &mut Pieces(vec![]), 10));
        assert_eq!(refused.err(), Some(Rejection::Overloaded { limit: 10 }), "empty: its answer will not be");
        held.exchange_for(1);
        assert!(run(budget.collect(&announcing(6), &mut Full::new("abcdef".into()), 10)).is_ok());
        assert_eq!(budget.used_bytes(), 1);
    }
}
