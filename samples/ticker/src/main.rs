//! Ticks as server-sent events, which `page.html` shows as they come: `?count=10&every=1000`.
//!
//! `every` is in milliseconds. After `fail_after` ticks the answer fails, and after `exit_after` the process ends, each in
//! place of the next tick: so one sees what callers get of half an answer. A browser comes again after that, and gets the
//! ticks from where it was.

mod wish;

use std::process::{self, ExitCode};

use serde_json::json;
use stayput_runtime::{
    Bytes, Context, Error, Streamed, Writer,
    http::{
        HeaderValue, Request, Response, StatusCode,
        header::{ACCESS_CONTROL_ALLOW_ORIGIN, CONTENT_TYPE},
    },
    sse,
};
use tokio::time::{Duration, Instant, sleep};
use wish::Wish;

fn main() -> ExitCode {
    stayput_runtime::run_http_stream(ticker)
}

async fn ticker(request: Request<Bytes>, _: Context) -> Result<Response<Streamed>, Error> {
    let last_seen = request.headers().get(LAST_EVENT_ID).and_then(|id| id.to_str().ok()?.parse().ok());
    let mut response = match Wish::parse(request.uri().query().unwrap_or_default()) {
        Ok(wish) => {
            sse::response(Streamed::new(async move |out| tick(wish, last_seen.unwrap_or(0), out).await))
        }
        Err(wrong) => {
            let refusal = Response::builder().status(StatusCode::BAD_REQUEST);
            refusal.header(CONTENT_TYPE, "text/plain").body(format!("{wrong}\n").into())?
        }
    };
    // The page may be opened from anywhere, a file too.
    response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    Ok(response)
}

async fn tick(wish: Wish, last_seen: u32, out: Writer) -> Result<(), Error> {
    let start = Instant::now();
    for (sent, tick) in (0_u32..).zip(last_seen.saturating_add(1)..=wish.count) {
        if sent > 0 {
            sleep(wish.every).await;
        }
        if Some(sent) == wish.exit_after {
            exit();
        }
        if Some(sent) == wish.fail_after {
            return Err(Error::new("TickerStopped", format!("stopped as asked, after {sent} ticks")));
        }
        let elapsed_ms = start.elapsed().as_millis();
        let data = json!({"tick": tick, "of": wish.count, "elapsedMs": elapsed_ms}).to_string();
        out.write(sse::Event::data(data).id(tick.to_string())?.retry(COME_AGAIN)).await?;
    }
    let end = sse::Event::data(json!({"of": wish.count}).to_string());
    out.write(end.id(wish.count.to_string())?.name("end")?).await?;
    Ok(())
}

#[expect(clippy::exit, reason = "what becomes of half an answer is what this sample shows")]
fn exit() -> ! {
    process::exit(1)
}

const LAST_EVENT_ID: &str = "last-event-id";

/// How long a browser waits that was cut off.
const COME_AGAIN: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;
