//! Events as the command line sees them.

use std::time::{Duration, SystemTime};

use event_queue::{Error, Refusal, RowId};
use lambda_local::{
    Settings,
    events::{EventState, Filter, PageToken, SqsQueue},
};
use tokio::net::TcpListener;

use super::{Events, FAIL, config, open, told};
use crate::running::function;

fn id(text: &str) -> RowId {
    RowId::parse(text).unwrap()
}

fn nothing_runs() -> Settings {
    Settings { account_concurrency: 0, ..Settings::default() }
}

#[tokio::test]
async fn events_are_listed_in_pages_by_function_state_and_time() {
    let local = Events::start(nothing_runs(), vec![function("f"), function("g")]).await;
    for n in 0..5 {
        local.send(if n < 3 { "f" } else { "g" }, &n.to_string()).await;
    }
    let log = local.running.local.events().unwrap();
    let (mut seen, mut from) = (Vec::new(), PageToken::default());
    loop {
        let page = log.list(Filter::default(), from, 2).await.unwrap();
        assert!(page.events.len() <= 2);
        seen.extend(page.events.into_iter().map(|event| event.id));
        let Some(next) = page.next else { break };
        from = PageToken::parse(&next.to_string()).unwrap();
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 5);
    let count = async |filter| log.list(filter, PageToken::default(), 100).await.unwrap().events.len();
    let of_g = Filter { function: Some("g".to_owned()), ..Filter::default() };
    assert_eq!(count(of_g).await, 2);
    let queued = Filter { state: Some(EventState::Queued), ..Filter::default() };
    assert_eq!(count(queued).await, 5);
    let dead = Filter { state: Some(EventState::Dead), ..Filter::default() };
    assert_eq!(count(dead).await, 0);
    let (an_hour, now) = (Duration::from_secs(3600), SystemTime::now());
    assert_eq!(count(Filter { since: Some(now - an_hour), ..Filter::default() }).await, 5);
    assert_eq!(count(Filter { until: Some(now - an_hour), ..Filter::default() }).await, 0);
    local.stop().await;
}

#[tokio::test]
async fn an_event_that_waits_can_be_shown_and_cancelled() {
    let local = Events::start(nothing_runs(), vec![function("f")]).await;
    let request = local.send("f", r#"{"a": 1}"#).await;
    let log = local.running.local.events().unwrap();
    let (event, payload) = log.show(id(&request)).await.unwrap().unwrap();
    assert_eq!((event.id, &payload[..]), (request.clone(), &br#"{"a": 1}"#[..]));
    log.cancel(id(&request)).await.unwrap();
    assert_eq!(log.show(id(&request)).await.unwrap(), None);
    assert!(matches!(log.cancel(id(&request)).await, Err(Error::Refused(Refusal::NoSuchRow(_)))));
    local.stop().await;
}

#[tokio::test]
async fn an_event_that_runs_is_listed_so_and_cannot_be_cancelled() {
    let local = Events::with(told("f")).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let meet = format!(r#"{{"do":"meet","port":{}}}"#, listener.local_addr().unwrap().port());
    let request = local.send("f", &meet).await;
    let met = listener.accept().await.unwrap();
    assert_eq!(local.only(EventState::Running).await.id, request);
    let log = local.running.local.events().unwrap();
    assert!(matches!(log.cancel(id(&request)).await, Err(Error::Refused(Refusal::Misfit { .. }))));
    drop(met);
    local.stop().await;
}

#[tokio::test]
async fn a_dead_event_is_redriven_under_its_id_and_purged_when_it_is_no_longer_wanted() {
    let mut nowhere = told("f");
    config(&mut nowhere).on_failure = None;
    config(&mut nowhere).maximum_retry_attempts = Some(0);
    let local = Events::with(nowhere).await;
    let request = local.send("f", FAIL).await;
    local.only(EventState::Dead).await;
    let log = local.running.local.events().unwrap();
    log.redrive(id(&request)).await.unwrap();
    while local.running.log.lines_with(&format!("END RequestId: {request}")) < 2 {
        tokio::task::yield_now().await;
    }
    let event = local.only(EventState::Dead).await;
    assert_eq!((event.id.as_str(), event.attempts), (&*request, 1));
    let of_another = Filter { function: Some("g".to_owned()), ..Filter::default() };
    assert_eq!(log.purge(of_another).await.unwrap(), 0);
    assert_eq!(log.purge(Filter::default()).await.unwrap(), 1);
    assert_eq!(local.list().await, []);
    local.stop().await;
}

#[tokio::test]
async fn queues_are_listed_with_what_is_in_them() {
    let local = Events::with(told("f")).await;
    local.send("f", "{}").await;
    local.running.local.sqs(&super::sqs("good")).unwrap().ready().await;
    let folder = local.stop().await;
    let queues = SqsQueue::all(&open(folder.path())).unwrap();
    let queues: Vec<_> = queues.iter().map(|(name, tally)| (name.as_str(), tally.waiting)).collect();
    assert_eq!(queues, [("good", 1)]);
}
