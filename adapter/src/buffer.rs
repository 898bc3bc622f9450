//! Request bodies into memory, within bounds: one for the body, one for all bodies together.
//!
//! An eighth of all is kept for small bodies, so that large ones, and slow readers of large answers, leave room for the
//! callers who ask for little.

use std::{
    error::Error,
    io,
    iter::successors,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, header};
use http_body_util::BodyExt;
use stayput_core::{Rejection, limits::Permit};

use crate::pieces::Pieces;

/// The bound on all bodies in memory together. Cheap to clone; all clones count together.
#[derive(Clone, Debug)]
pub struct BufferBudget(Arc<Parts>);

/// A share of the budget; dropping it gives the share back.
#[derive(Debug)]
pub struct Reservation {
    parts: Arc<Parts>,
    part: Part,
    bytes: usize,
    /// The call's place goes with it, so that a call is over when its answer has been written.
    place: Option<Permit>,
}

/// The budget's two parts, with the bytes that are used of each.
#[derive(Debug)]
struct Parts {
    common: AtomicUsize,
    small: AtomicUsize,
    limit_bytes: usize,
}

/// What a share is a share of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Part {
    Common,
    /// For bodies of up to [`SMALL_BODY_BYTES`] that find the common part full.
    Small,
}

impl BufferBudget {
    pub fn new(limit_bytes: usize) -> Self {
        Self(Arc::new(Parts { common: AtomicUsize::new(0), small: AtomicUsize::new(0), limit_bytes }))
    }

    pub fn used_bytes(&self) -> usize {
        self.0.used(Part::Common).load(Ordering::Relaxed) + self.0.used(Part::Small).load(Ordering::Relaxed)
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
        B::Error: Error + 'static,
    {
        let announced = announced_length(headers).unwrap_or(0);
        if announced > limit {
            return Err(Rejection::PayloadTooLarge { limit });
        }
        let mut share = self.reserve(announced)?;
        let mut pieces = Pieces::default();
        loop {
            let arrived = tokio::time::timeout(STALL_LIMIT, body.frame()).await;
            let Some(frame) = arrived.map_err(|_| Rejection::BodyTimeout)? else { break };
            let frame = frame.map_err(|error| unfinished(&error))?;
            let Ok(data) = frame.into_data() else { continue };
            let total = pieces.len() + data.len();
            if total > limit {
                return Err(Rejection::PayloadTooLarge { limit });
            }
            share.hold(total)?;
            pieces.push(data, announced);
        }
        Ok((pieces.into_bytes(), share))
    }

    /// A share that grows as bytes arrive: what a caller merely announces takes no room from the others. A body that
    /// has no room now is refused now.
    fn reserve(&self, announced: usize) -> Result<Reservation, Rejection> {
        let has_room = |part| self.0.room(part) > 0 && announced <= self.0.room(part);
        let small = || announced <= SMALL_BODY_BYTES && has_room(Part::Small);
        let part = if has_room(Part::Common) {
            Part::Common
        } else if small() {
            Part::Small
        } else {
            return Err(self.0.overloaded());
        };
        Ok(Reservation { parts: Arc::clone(&self.0), part, bytes: 0, place: None })
    }
}

impl Reservation {
    /// Keeps the call's place as long as itself.
    #[must_use]
    pub fn with_place(mut self, place: Permit) -> Self {
        self.place = Some(place);
        self
    }

    /// As many bytes as there are now, instead of those before: of the request as it arrives, then of the answer.
    ///
    /// What had its share of the common part keeps it: an answer is in memory already, and weighs on what is admitted
    /// next. Only what came in on the part for small bodies, and has grown out of it, has to find room.
    ///
    /// # Errors
    /// There is no room for a body that grows.
    pub fn exchange_for(&mut self, bytes: usize) -> Result<(), Rejection> {
        if self.part == Part::Common {
            self.parts.used(Part::Common).fetch_add(bytes, Ordering::Relaxed);
            self.give_back();
            self.bytes = bytes;
            return Ok(());
        }
        self.hold(bytes)
    }

    /// Grows to so many bytes.
    fn hold(&mut self, bytes: usize) -> Result<(), Rejection> {
        let other = match self.part {
            Part::Common => Part::Small,
            Part::Small => Part::Common,
        };
        let moved = self.has_moved_to(self.part, bytes) || self.has_moved_to(other, bytes);
        moved.then_some(()).ok_or_else(|| self.parts.overloaded())
    }

    fn has_moved_to(&mut self, part: Part, bytes: usize) -> bool {
        if part == Part::Small && bytes > SMALL_BODY_BYTES {
            return false;
        }
        let held_there = if part == self.part { self.bytes } else { 0 };
        let (used, limit) = (self.parts.used(part), self.parts.limit(part));
        let grow = |used: usize| Some(used + bytes - held_there).filter(|used| *used <= limit);
        if bytes > held_there && used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, grow).is_err() {
            return false;
        }
        if bytes <= held_there {
            used.fetch_sub(held_there - bytes, Ordering::Relaxed);
        }
        if part != self.part {
            self.give_back();
        }
        (self.part, self.bytes) = (part, bytes);
        true
    }

    fn give_back(&self) {
        self.parts.used(self.part).fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.give_back();
    }
}

impl Parts {
    fn used(&self, part: Part) -> &AtomicUsize {
        match part {
            Part::Common => &self.common,
            Part::Small => &self.small,
        }
    }

    fn limit(&self, part: Part) -> usize {
        let small = self.limit_bytes / SMALL_PART;
        match part {
            Part::Common => self.limit_bytes - small,
            Part::Small => small,
        }
    }

    fn room(&self, part: Part) -> usize {
        self.limit(part).saturating_sub(self.used(part).load(Ordering::Relaxed))
    }

    fn overloaded(&self) -> Rejection {
        Rejection::Overloaded { limit: self.limit_bytes }
    }
}

/// Bytes. Ours: what most events are smaller than, and a hundredth of the largest body.
const SMALL_BODY_BYTES: usize = 64 << 10;

/// One byte in so many of the budget is for small bodies alone. Ours: of 256 MiB, 512 of the largest of them.
const SMALL_PART: usize = 8;

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

/// Why a body did not arrive whole: the front gives up a slow one with `TimedOut`, and HTTP has wrapped that.
fn unfinished(error: &(dyn Error + 'static)) -> Rejection {
    let mut causes = successors(Some(error), |&error| error.source());
    let is_late = causes.any(|cause| {
        cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::TimedOut)
    });
    if is_late { Rejection::BodyTimeout } else { Rejection::BodyIncomplete }
}

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
    fn a_body_that_was_given_up_is_late_and_any_other_that_breaks_is_incomplete() {
        #[derive(Debug, thiserror::Error)]
        #[error("reading a body")]
        struct Wrapped(#[source] io::Error);
        let wrapped = |kind: io::ErrorKind| unfinished(&Wrapped(kind.into()));
        assert_eq!(wrapped(io::ErrorKind::TimedOut), Rejection::BodyTimeout);
        assert_eq!(wrapped(io::ErrorKind::InvalidData), Rejection::BodyIncomplete);
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

    /// Takes a body of so many bytes from a caller who announces them.
    fn take(budget: &BufferBudget, bytes: usize) -> Result<Reservation, Rejection> {
        let mut body = Full::new(Bytes::from(vec![0; bytes]));
        run(budget.collect(&announcing(bytes), &mut body, usize::MAX)).map(|(_, share)| share)
    }

    const LIMIT: usize = 16 * SMALL_BODY_BYTES;
    const FULL: Rejection = Rejection::Overloaded { limit: LIMIT };

    #[test]
    fn all_bodies_together_stay_within_the_budget() {
        let budget = BufferBudget::new(LIMIT);
        let mut held = take(&budget, 14 * SMALL_BODY_BYTES).unwrap();
        assert_eq!(take(&budget, SMALL_BODY_BYTES + 1).err(), Some(FULL));
        let unannounced = Bytes::from(vec![0; SMALL_BODY_BYTES + 1]);
        let refused = run(budget.collect(&HeaderMap::new(), &mut Full::new(unannounced), usize::MAX));
        assert_eq!(refused.err(), Some(FULL), "unannounced");
        held.exchange_for(SMALL_BODY_BYTES).unwrap();
        assert!(take(&budget, 13 * SMALL_BODY_BYTES).is_ok());
        assert_eq!(budget.used_bytes(), SMALL_BODY_BYTES);
    }

    #[test]
    fn small_bodies_have_room_of_their_own() {
        let budget = BufferBudget::new(LIMIT);
        let mut large = take(&budget, SMALL_BODY_BYTES).unwrap();
        large.exchange_for(LIMIT).unwrap();
        let mut small = take(&budget, SMALL_BODY_BYTES - 1).unwrap();
        let empty = take(&budget, 0).unwrap();
        let other = take(&budget, SMALL_BODY_BYTES).unwrap();
        assert_eq!(take(&budget, 2).err(), Some(FULL), "the small ones are many");
        assert_eq!(
            small.exchange_for(SMALL_BODY_BYTES + 1),
            Err(FULL),
            "its answer is large, and there is no room"
        );
        small.exchange_for(SMALL_BODY_BYTES).unwrap();
        large.exchange_for(0).unwrap();
        small.exchange_for(SMALL_BODY_BYTES + 1).unwrap();
        assert_eq!(budget.used_bytes(), 2 * SMALL_BODY_BYTES + 1);
        drop((large, small, empty, other));
        assert_eq!(budget.used_bytes(), 0);
    }
}
