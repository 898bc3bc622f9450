use std::time::{Duration, SystemTime};

use event_queue::{Ask, Content, Key, Limits, NewRow};
use http::HeaderMap;
use lambda_protocol::function::FunctionRef;
use stayput_core::{
    CallbackUrl, FunctionKey,
    callback::{Hops, Ticket},
};
use tempfile::TempDir;

use super::*;

#[tokio::test]
async fn one_list_has_what_waits_in_both_queues_and_the_dead_last() {
    let (_folder, events) = open();
    put(&events, CALLBACKS, &call(1), &record(1, "https://erp.example/secret?token=1")).await;
    put(&events, LAMBDA, &call(2), &event(2, "https://crm.example/secret")).await;
    put(&events, LAMBDA, &call(3), "{}").await;
    kill(&events, LAMBDA, 1).await;
    let listed = list(&events, Filter::default()).await;
    let seen: Vec<_> = listed.iter().map(|event| (&*event.request_id, event.state)).collect();
    let dead = seen[2].0.to_owned();
    assert_eq!(seen[0].1, State::Queued);
    assert_eq!((seen[1].0, seen[1].1), (&*call(1), State::Delivering));
    assert_eq!(seen[2].1, State::Dead);
    assert!([call(2), call(3)].contains(&dead));
}

#[tokio::test]
async fn a_callbacks_host_and_names_are_told_and_its_path_is_not() {
    let (_folder, events) = open();
    put(
        &events,
        CALLBACKS,
        &format!("{}.success.0", call(1)),
        &record(1, "https://erp.example/secret?token=1"),
    )
    .await;
    put(&events, LAMBDA, &call(2), &event(2, "https://user:password@crm.example/secret")).await;
    for (event, host) in
        list(&events, Filter::default()).await.iter().rev().zip(["erp.example", "crm.example"])
    {
        let callback = event.callback.as_ref().expect("a callback");
        assert_eq!((&*callback.host, &*callback.dialect, &*callback.function), (host, "openfaas", "pay"));
        assert_eq!(event.function, "pay-bills");
        let told = serde_json::to_string(event).unwrap();
        assert!(!["secret", "token", "password"].iter().any(|word| told.contains(word)), "{told}");
    }
}

#[tokio::test]
async fn a_ticket_of_another_call_is_not_believed() {
    let (_folder, events) = open();
    put(&events, LAMBDA, &call(2), &event(1, "https://erp.example/")).await;
    assert_eq!(list(&events, Filter::default()).await[0].callback, None);
}

#[tokio::test]
async fn a_filter_takes_what_it_names() {
    let (_folder, events) = open();
    put(&events, CALLBACKS, &call(1), &record(1, "https://erp.example/")).await;
    put(&events, LAMBDA, &call(2), &event(2, "https://crm.example/")).await;
    put(&events, LAMBDA, &call(3), "{}").await;
    kill(&events, CALLBACKS, 1).await;
    let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1);
    let by = |filter: Filter| async {
        let listed = list(&events, filter).await;
        listed.iter().map(|event| event.request_id.clone()).collect::<Vec<_>>()
    };
    let all = Filter::default;
    assert_eq!(by(Filter { host: Some("CRM.example".into()), ..all() }).await, [call(2)]);
    assert_eq!(by(Filter { state: Some(State::Dead), ..all() }).await, [call(1)]);
    assert_eq!(by(Filter { state: Some(State::Running), ..all() }).await, [""; 0]);
    assert_eq!(by(Filter { function: Some("pay".into()), ..all() }).await.len(), 2);
    assert_eq!(by(Filter { function: Some("pay-bills".into()), ..all() }).await.len(), 3);
    assert_eq!(by(Filter { until: Some(long_ago), ..all() }).await, [""; 0]);
    assert_eq!(by(Filter { since: Some(long_ago), ..all() }).await.len(), 3);
}

#[tokio::test]
async fn pages_are_the_whole_list_in_pieces() {
    let (_folder, events) = open();
    for n in 1..=5 {
        let (queue, content) =
            if n % 2 == 0 { (LAMBDA, "{}".to_owned()) } else { (CALLBACKS, record(n, "https://a.example/")) };
        put(&events, queue, &call(n), &content).await;
    }
    let (mut seen, mut from) = (Vec::new(), Page::default());
    loop {
        let Listed { events, next } = events.list(Filter::default(), from, 2).await.unwrap();
        assert!(events.len() <= 2);
        seen.extend(events.into_iter().map(|event| event.request_id));
        match next {
            Some(next) => from = Page::parse(&next.to_string()).unwrap(),
            None => break,
        }
    }
    seen.sort();
    assert_eq!(seen, [call(1), call(2), call(3), call(4), call(5)]);
}

#[tokio::test]
async fn acts_do_what_fits_and_leave_the_rest() {
    let (_folder, events) = open();
    put(&events, CALLBACKS, &format!("{}.failure.0", call(1)), &record(1, "https://erp.example/")).await;
    put(&events, LAMBDA, &call(2), "{}").await;
    kill(&events, CALLBACKS, 1).await;
    let steer = async |id: &str, act| {
        let steered = events.steer(id, act).await.unwrap();
        (steered.done.len(), steered.left.len())
    };
    assert_eq!(steer(&call(1), Act::Cancel).await, (0, 1), "it is dead");
    assert_eq!(steer(&call(1), Act::Redrive).await, (1, 0));
    assert_eq!(steer(&call(1), Act::Redrive).await, (0, 1), "it waits");
    assert_eq!(steer(&call(2), Act::Purge).await, (0, 1), "it is not dead");
    assert_eq!(steer(&call(2), Act::Cancel).await, (1, 0));
    assert_eq!(steer(&call(2), Act::Cancel).await, (0, 0), "it is gone");
    assert_eq!(steer("../x", Act::Cancel).await, (0, 0));
    kill(&events, CALLBACKS, 1).await;
    let other = Filter { host: Some("other.example".into()), ..Filter::default() };
    assert_eq!(events.steer_those(other, Act::Purge).await.unwrap(), Steered::default());
    assert_eq!(events.steer_those(Filter::default(), Act::Purge).await.unwrap().done.len(), 1);
    assert!(list(&events, Filter::default()).await.is_empty());
}

#[tokio::test]
async fn what_has_changed_since_it_was_looked_at_is_left() {
    let (_folder, events) = open();
    put(&events, CALLBACKS, &format!("{}.failure.0", call(1)), &record(1, "https://erp.example/")).await;
    put(&events, LAMBDA, &call(2), "{}").await;
    kill(&events, CALLBACKS, 1).await;
    let looked_at = list(&events, Filter::default()).await;
    assert_eq!(events.steer(&call(1), Act::Redrive).await.unwrap().done.len(), 1);
    kill(&events, LAMBDA, 1).await;
    let (dead, waiting): (Vec<_>, Vec<_>) =
        looked_at.into_iter().partition(|event| event.state == State::Dead);
    for (events_then, act) in [(dead, Act::Purge), (waiting, Act::Cancel)] {
        let steered = events.steer_all(events_then, act).await.unwrap();
        assert_eq!((steered.done.len(), steered.left.len()), (0, 1), "{act:?}");
    }
    assert_eq!(list(&events, Filter::default()).await.len(), 2);
}

#[tokio::test]
async fn depths_are_told_of_both_queues_even_while_they_are_empty() {
    let (_folder, events) = open();
    put(&events, LAMBDA, &call(1), "{}").await;
    put(&events, LAMBDA, &call(2), "{}").await;
    kill(&events, LAMBDA, 1).await;
    let depths = events.depths().await;
    let seen: Vec<_> =
        depths.iter().map(|depth| (&*depth.queue, depth.waiting, depth.leased, depth.dead)).collect();
    assert_eq!(seen, [(LAMBDA, 1, 0, 1), (CALLBACKS, 0, 0, 0)]);
    assert!((0.0..60.0).contains(&depths[0].oldest_s) && depths[1].oldest_s == 0.0, "{depths:?}");
}

fn open() -> (TempDir, Events) {
    let folder = tempfile::tempdir().unwrap();
    let store = EventQueue::open(&folder.path().join("events.db"), Limits::default()).unwrap();
    (folder, Events::new(store, QueueName::parse(CALLBACKS).unwrap(), keys(), Timelines::default()))
}

async fn put(events: &Events, queue: &str, id: &str, payload: &str) {
    let content = Content::payload(payload.to_owned());
    let row = NewRow::new(QueueName::parse(queue).unwrap(), RowId::parse(id).unwrap(), content);
    let key = Key::parse("pay-bills").unwrap();
    events.store.submit(Batch::new().put(NewRow { key, ..row })).await.unwrap();
}

/// Has so many that are due given up.
async fn kill(events: &Events, queue: &str, rows: usize) {
    let ask = Ask { queue: QueueName::parse(queue).unwrap(), rows, span: Duration::from_secs(60) };
    let leased = events.store.lease(ask).await.unwrap();
    assert_eq!(leased.len(), rows);
    for leased in leased {
        events.store.submit(Batch::new().give_up(&leased.claim(), "no")).await.unwrap();
    }
}

async fn list(events: &Events, filter: Filter) -> Vec<Event> {
    events.list(filter, Page::default(), MAX_PAGE).await.unwrap().events
}

fn call(n: u128) -> String {
    Uuid::from_u128(n).to_string()
}

/// An event with the ticket of call `n`.
fn event(n: u128, callback: &str) -> String {
    let created = SystemTime::UNIX_EPOCH + Duration::from_secs(1_600_000_000);
    let ticket = Ticket {
        invocation: Uuid::from_u128(n),
        key: "erp".to_owned(),
        dialect: "openfaas".to_owned(),
        function: FunctionKey::new("pay"),
        lambda: FunctionRef::new("pay-bills"),
        qualifier: None,
        callback: CallbackUrl::read(callback.as_bytes()).unwrap(),
        echo: HeaderMap::new(),
        created,
        expires: created + Duration::from_secs(1),
        hops: Hops(0),
    };
    let ticket = ticket.seal(&keys(), [0; 24]);
    format!(
        r#"{{"body":"x","requestContext":{{"requestId":"{}","stayput":{{"ticket":"{ticket}"}}}}}}"#,
        call(n)
    )
}

/// What Lambda tells of that call.
fn record(n: u128, callback: &str) -> String {
    let event = event(n, callback);
    format!(
        r#"{{"version":"1.0","timestamp":"2026-01-01T00:00:00.000Z","requestContext":{{"requestId":"{}","functionArn":"arn:aws:lambda:us-east-1:000000000000:function:pay-bills:$LATEST","condition":"Success","approximateInvokeCount":1}},"requestPayload":{event},"responseContext":{{"statusCode":200,"executedVersion":"$LATEST"}},"responsePayload":1}}"#,
        call(n)
    )
}

fn keys() -> SealingKeys {
    SealingKeys::parse(&"0a".repeat(32)).unwrap()
}

const LAMBDA: &str = "lambda.events";
const CALLBACKS: &str = "stayput-callbacks";

#[tokio::test]
async fn what_is_no_page_is_refused() {
    let (_folder, events) = open();
    for text in ["x", "6-0-0"] {
        let refused = View::Here(events.clone()).list(Filter::default(), Some(text), 10).await;
        assert!(matches!(refused, Err(ViewError::Page(_))), "{text}");
    }
}
