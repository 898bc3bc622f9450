use stayput_runtime::testing::{self, Reading};

use super::*;

async fn call(uri: &str, last_seen: &str) -> Response<Reading> {
    let request = Request::get(uri).header(LAST_EVENT_ID, last_seen).body("").unwrap();
    let response = testing::http(request).call_stream(ticker).await.unwrap();
    assert_eq!(response.headers()[ACCESS_CONTROL_ALLOW_ORIGIN], "*", "answer to {uri}");
    response
}

fn event(tick: u32, of: u32, elapsed_ms: u32) -> String {
    format!("id: {tick}\nretry: 1000\ndata: {{\"elapsedMs\":{elapsed_ms},\"of\":{of},\"tick\":{tick}}}\n\n")
}

fn end(of: u32) -> String {
    format!("event: end\nid: {of}\ndata: {{\"of\":{of}}}\n\n")
}

// Paused: Tokio's clock jumps ahead as soon as everything waits for it.
#[tokio::test(start_paused = true)]
async fn each_tick_comes_at_its_time() {
    let response = call("/any/path?count=3&every=250", "").await;
    assert_eq!(response.headers()[CONTENT_TYPE], "text/event-stream");
    let mut ticks = response.into_body();
    let start = Instant::now();
    for (tick, elapsed_ms) in [(1, 0), (2, 250), (3, 500)] {
        assert_eq!(ticks.next().await.unwrap().unwrap(), event(tick, 3, elapsed_ms));
        assert_eq!(start.elapsed(), Duration::from_millis(elapsed_ms.into()));
    }
    assert_eq!(ticks.rest().await.unwrap(), end(3));
}

#[tokio::test(start_paused = true)]
async fn who_comes_again_gets_what_is_left() {
    let rest = async |last_seen| call("/?count=3", last_seen).await.into_body().rest().await.unwrap();
    assert_eq!(rest("2").await, event(3, 3, 0) + &end(3));
    assert_eq!(rest("3").await, end(3));
    assert_eq!(rest("4294967295").await, end(3));
}

#[tokio::test(start_paused = true)]
async fn it_fails_midway_as_asked() {
    let mut ticks = call("/?fail_after=2", "").await.into_body();
    assert!(ticks.next().await.unwrap().is_ok() && ticks.next().await.unwrap().is_ok());
    let fault = ticks.next().await.unwrap().unwrap_err();
    assert_eq!(fault, Error::new("TickerStopped", "stopped as asked, after 2 ticks"));
}

#[tokio::test]
async fn what_it_cannot_do_is_told_whole() {
    for query in ["count=0", "count=10001", "every=soon", "every=10001", "fail_after=-1"] {
        let response = call(&format!("/?{query}"), "").await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{query}");
        let said = response.into_body().rest().await.unwrap();
        assert!(said.starts_with(query.split('=').next().unwrap().as_bytes()), "{said:?}");
    }
}
