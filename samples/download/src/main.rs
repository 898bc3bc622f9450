//! A file that is made while it is sent: `?bytes=1000000`. The byte at offset `n` is `n` modulo 251, so that whoever
//! receives it can see whether it is whole.
//!
//! Nothing is kept of it: each piece is a part of the same [`BLOCK`], and is handed out when the one before has gone.

use std::{process::ExitCode, sync::LazyLock};

use stayput_runtime::{
    Bytes, Context, Error, Streamed,
    http::{
        Request, Response, StatusCode,
        header::{CONTENT_DISPOSITION, CONTENT_TYPE},
    },
};

fn main() -> ExitCode {
    stayput_runtime::run_http_stream(download)
}

async fn download(request: Request<Bytes>, _: Context) -> Result<Response<Streamed>, Error> {
    let Some(bytes) = wanted_bytes(request.uri().query().unwrap_or_default()) else {
        let message = format!("bytes is a number up to {MOST_BYTES}\n");
        let refusal = Response::builder().status(StatusCode::BAD_REQUEST).header(CONTENT_TYPE, "text/plain");
        return Ok(refusal.body(message.into())?);
    };
    let response = Response::builder()
        .header(CONTENT_TYPE, "application/octet-stream")
        .header(CONTENT_DISPOSITION, r#"attachment; filename="download.bin""#);
    Ok(response.body(file(bytes))?)
}

fn file(bytes: usize) -> Streamed {
    Streamed::new(async move |out| {
        for _ in 0..bytes / BLOCK.len() {
            out.write(BLOCK.clone()).await?;
        }
        out.write(BLOCK.slice(..bytes % BLOCK.len())).await?;
        Ok(())
    })
}

/// `None`: not a number, or too large a one.
fn wanted_bytes(query: &str) -> Option<usize> {
    match form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == "bytes") {
        Some((_, bytes)) => bytes.parse().ok().filter(|bytes| *bytes <= MOST_BYTES),
        None => Some(DEFAULT_BYTES),
    }
}

/// Whole periods of the file, which so is this again and again.
static BLOCK: LazyLock<Bytes> = LazyLock::new(|| (0..PERIOD).cycle().take(BLOCK_BYTES).collect());

const PERIOD: u8 = 251;

/// Large enough that the pieces' number does not matter, small enough that nobody waits for one.
const BLOCK_BYTES: usize = 251 * 256;

/// 100 MiB.
const DEFAULT_BYTES: usize = 100 * 1024 * 1024;

/// A little below what a streamed answer may have, its head included. Source: Lambda developer guide, "Response streaming
/// for Lambda functions": 200 MB.
const MOST_BYTES: usize = 200_000_000;

#[cfg(test)]
mod tests {
    use stayput_runtime::testing::{self, Reading};

    use super::*;

    async fn call(uri: &str) -> Response<Reading> {
        testing::http(Request::get(uri).body("").unwrap()).call_stream(download).await.unwrap()
    }

    async fn check(bytes: usize) {
        let response = call(&format!("/?bytes={bytes}")).await;
        assert_eq!(response.headers()[CONTENT_DISPOSITION], r#"attachment; filename="download.bin""#);
        let file = response.into_body().rest().await.unwrap();
        let whole = file.iter().enumerate().all(|(offset, byte)| usize::from(*byte) == offset % 251);
        assert!(file.len() == bytes && whole, "{} bytes instead of {bytes}", file.len());
    }

    #[tokio::test]
    async fn a_file_has_as_many_bytes_as_it_is_asked_for() {
        for bytes in [0, 1, 1000, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 1_000_000] {
            check(bytes).await;
        }
    }

    #[tokio::test]
    async fn pieces_are_parts_of_one_block() {
        let mut file = call("/").await.into_body();
        for _ in 0..3 {
            assert_eq!(file.next().await.unwrap().unwrap().as_ptr(), BLOCK.as_ptr());
        }
    }

    #[tokio::test]
    async fn what_is_no_size_is_refused() {
        for bytes in ["200000001", "-1", "many", ""] {
            assert_eq!(call(&format!("/?bytes={bytes}")).await.status(), StatusCode::BAD_REQUEST, "{bytes}");
        }
    }
}
