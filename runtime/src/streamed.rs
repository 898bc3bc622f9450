//! A body that the handler writes piece by piece, or has whole.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_core::Stream;
use tokio::sync::mpsc;

use crate::{Error, panics::caught};

/// A stream of bytes that is easy to write. What is written goes out at once.
///
/// ```
/// use stayput_runtime::{Bytes, Context, Error, Streamed, http::{Request, Response}};
///
/// async fn count(request: Request<Bytes>, _: Context) -> Result<Response<Streamed>, Error> {
///     if request.uri().path() != "/count" {
///         return Ok(Response::builder().status(404).body("ask for /count".into())?);
///     }
///     Ok(Response::new(Streamed::new(async |out| {
///         for number in 0..1000 {
///             out.write(format!("{number}\n")).await?;
///         }
///         Ok(())
///     })))
/// }
/// # let _handler = count;
/// ```
///
/// What writes runs only while the stream is read, and is dropped with it, at the `await` that it has come to. See
/// [the crate's page](crate#streams) for when that is.
pub struct Streamed(Source);

impl Streamed {
    /// `write` is given the [`Writer`] of this stream. The stream ends once it has returned and no clone of the writer is
    /// left; with its error, if it returns one.
    pub fn new(write: impl AsyncFnOnce(Writer) -> Result<(), Error> + 'static) -> Self {
        let (sender, pieces) = mpsc::channel(WAITING_PIECES);
        // A panic is kept back like any failure, behind the pieces from before it.
        let writing = Box::pin(caught(async move { write(Writer(sender)).await }));
        Self(Source::Written(Written { writing: Some(writing), pieces, failure: None }))
    }

    /// A body that is there already.
    pub fn whole(body: impl Into<Bytes>) -> Self {
        Self(Source::Whole(Some(body.into())))
    }
}

/// Where the pieces of a [`Streamed`] are put. Clones of it, in other tasks perhaps, write to the same stream.
#[derive(Clone, Debug)]
pub struct Writer(mpsc::Sender<Bytes>);

impl Writer {
    /// Puts a piece. Waits until the one before it has been taken, so that a fast function does not run ahead of a slow
    /// reader.
    ///
    /// # Errors
    /// [`Gone`], at once.
    pub async fn write(&self, piece: impl Into<Bytes>) -> Result<(), Gone> {
        self.0.send(piece.into()).await.map_err(|_| Gone)
    }
}

/// The stream is over, or its caller has gone: nobody reads what is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("nobody reads this stream any more")]
pub struct Gone;

enum Source {
    Whole(Option<Bytes>),
    Written(Written),
}

type Writing = dyn Future<Output = Result<(), Error>>;

struct Written {
    /// `None`: it has returned.
    writing: Option<Pin<Box<Writing>>>,
    pieces: mpsc::Receiver<Bytes>,
    /// What it returned, until the pieces from before it have been read.
    failure: Option<Error>,
}

impl Written {
    fn poll_piece(&mut self, task: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        // What has been written is read before more is.
        if let Poll::Ready(Some(piece)) = self.pieces.poll_recv(task) {
            return Poll::Ready(Some(Ok(piece)));
        }
        if let Some(writing) = &mut self.writing
            && let Poll::Ready(returned) = writing.as_mut().poll(task)
        {
            self.writing = None;
            if let Err(failure) = returned {
                self.pieces.close();
                self.failure = Some(failure);
            }
        }
        match self.pieces.poll_recv(task) {
            Poll::Ready(Some(piece)) => Poll::Ready(Some(Ok(piece))),
            // The writer was dropped, and what had it is still at something.
            Poll::Ready(None) if self.writing.is_some() => Poll::Pending,
            Poll::Ready(None) => Poll::Ready(self.failure.take().map(Err)),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl Stream for Streamed {
    type Item = Result<Bytes, Error>;

    fn poll_next(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match &mut self.0 {
            Source::Whole(body) => Poll::Ready(body.take().map(Ok)),
            Source::Written(written) => written.poll_piece(task),
        }
    }
}

impl From<Bytes> for Streamed {
    fn from(body: Bytes) -> Self {
        Self::whole(body)
    }
}

impl From<String> for Streamed {
    fn from(body: String) -> Self {
        Self::whole(body)
    }
}

impl From<&'static str> for Streamed {
    fn from(body: &'static str) -> Self {
        Self::whole(body)
    }
}

impl From<Vec<u8>> for Streamed {
    fn from(body: Vec<u8>) -> Self {
        Self::whole(body)
    }
}

impl fmt::Debug for Streamed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Streamed").finish_non_exhaustive()
    }
}

/// Pieces that may lie written and unread.
const WAITING_PIECES: usize = 1;

#[cfg(test)]
mod tests {
    use std::{cell::Cell, future::poll_fn, rc::Rc};

    use super::*;

    async fn next(stream: &mut Streamed) -> Option<Result<Bytes, Error>> {
        poll_fn(|task| Pin::new(&mut *stream).poll_next(task)).await
    }

    async fn check(mut stream: Streamed, pieces: &[&str], failure: Option<&str>) {
        for piece in pieces {
            assert_eq!(next(&mut stream).await, Some(Ok(Bytes::copy_from_slice(piece.as_bytes()))));
        }
        let end = next(&mut stream).await;
        assert_eq!(end.map(|end| end.unwrap_err().error_type().to_owned()).as_deref(), failure);
        assert_eq!(next(&mut stream).await, None);
    }

    #[tokio::test]
    async fn pieces_come_as_they_were_written() {
        let written = async |out: Writer| {
            for piece in ["a", "b", "c"] {
                out.write(piece).await?;
            }
            Ok(())
        };
        check(Streamed::new(written), &["a", "b", "c"], None).await;
        check(Streamed::new(async |_| Ok(())), &[], None).await;
        check("whole".into(), &["whole"], None).await;
    }

    #[tokio::test]
    async fn a_failure_comes_after_the_pieces_before_it() {
        let written = async |out: Writer| {
            out.write("a").await?;
            out.write("b").await?;
            Err(Error::new("Late", "too late"))
        };
        check(Streamed::new(written), &["a", "b"], Some("Late")).await;
        let panicking = async |out: Writer| {
            out.write("a").await?;
            panic!("boom")
        };
        check(Streamed::new(panicking), &["a"], Some(Error::PANIC)).await;
    }

    #[tokio::test]
    async fn a_clone_in_another_task_keeps_the_stream_open() {
        let written = async |out: Writer| {
            tokio::spawn(async move {
                tokio::task::yield_now().await;
                out.write("later").await
            });
            Ok(())
        };
        check(Streamed::new(written), &["later"], None).await;
    }

    #[tokio::test(start_paused = true)]
    async fn what_has_no_writer_left_may_still_fail() {
        let written = async |out: Writer| {
            drop(out);
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            Err(Error::new("Late", "too late"))
        };
        check(Streamed::new(written), &[], Some("Late")).await;
    }

    #[tokio::test]
    async fn a_writer_is_told_that_nobody_reads() {
        let (kept, taken) = tokio::sync::oneshot::channel();
        let mut stream = Streamed::new(async move |out: Writer| {
            out.write("a").await?;
            kept.send(out).map_err(|_| Error::new("Test", "nobody takes it"))?;
            Ok(())
        });
        next(&mut stream).await;
        drop(stream);
        assert_eq!(taken.await.unwrap().write("b").await, Err(Gone));
    }

    #[tokio::test]
    async fn nothing_is_written_ahead_of_the_reader_but_one_piece() {
        let written = Rc::new(Cell::new(0));
        let count = Rc::clone(&written);
        let mut stream = Streamed::new(async move |out: Writer| {
            loop {
                out.write("piece").await?;
                count.set(count.get() + 1);
            }
        });
        for read in 1..10 {
            next(&mut stream).await;
            assert!(written.get() <= read + WAITING_PIECES, "{} written, {read} read", written.get());
        }
    }
}
