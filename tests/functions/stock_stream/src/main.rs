//! Streams with plain `lambda_runtime`, as functions do that know nothing of Stayput. The event says what, or the body of
//! the HTTP request that it is:
//!
//! | event | what it does |
//! |---|---|
//! | `{"bytes":5}` | streams that many bytes; the one at offset `n` is `n` modulo 251 |
//! | `{"bytes":5,"fail_after":3}` | streams only so many of them, and then fails |

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_core::Stream;
use lambda_runtime::{Error, LambdaEvent, StreamResponse, service_fn};
use serde::Deserialize;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_runtime::run(service_fn(stream)).await
}

#[derive(Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    bytes: u64,
    fail_after: Option<u64>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Event {
    Order(Order),
    Http { body: String },
}

async fn stream(event: LambdaEvent<Event>) -> Result<StreamResponse<Pieces>, Error> {
    let Order { bytes, fail_after } = match event.payload {
        Event::Order(order) => order,
        Event::Http { body } => serde_json::from_str(&body)?,
    };
    let end = fail_after.map_or(bytes, |fail_after| fail_after.min(bytes));
    let block = (0..=u8::MAX).cycle().filter(|byte| u64::from(*byte) < PERIOD).take(BLOCK_BYTES).collect();
    Ok(Pieces { block, sent: 0, end, fails: fail_after.is_some() }.into())
}

struct Pieces {
    block: Bytes,
    sent: u64,
    end: u64,
    fails: bool,
}

impl Stream for Pieces {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let left = usize::try_from(self.end - self.sent).unwrap_or(usize::MAX);
        if left > 0 {
            let piece = self.block.slice(..left.min(self.block.len()));
            self.sent += piece.len() as u64;
            return Poll::Ready(Some(Ok(piece)));
        }
        let failure = std::mem::take(&mut self.fails).then(|| Err(io::Error::other("failed midway")));
        Poll::Ready(failure)
    }
}

const PERIOD: u64 = 251;

/// Whole periods, so that each piece begins with one.
const BLOCK_BYTES: usize = 251 * 64;
