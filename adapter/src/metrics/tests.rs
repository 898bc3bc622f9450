use std::time::{Duration, UNIX_EPOCH};

use http::{Method, StatusCode};
use lambda_protocol::function::FunctionRef;
use stayput_core::{Blame, FunctionKey, Mode, Trace, table::Function};
use uuid::Uuid;

use super::*;

fn table(names: &[&str]) -> Table {
    let mut table = Table::default();
    for name in names {
        let (lambda, timeout) = (FunctionRef::new(*name), Duration::from_secs(3));
        let function = Function {
            lambda,
            qualifier: None,
            payload_is_event: false,
            durable: false,
            streams: false,
            timeout,
        };
        table.add("stedi", FunctionKey::new(*name), Arc::new(function));
    }
    table
}

fn metrics() -> Metrics {
    Metrics::new(&table(&["echo"]))
}

fn finished(function: Option<&str>, status: StatusCode, blame: Option<Blame>) -> Finished<'_> {
    Finished {
        dialect: "stedi",
        function,
        key: None,
        caller_id: None,
        mode: Some(Mode::Sync),
        method: Some(&Method::POST),
        status,
        blame,
        rejection: None,
        time: UNIX_EPOCH,
        duration: Duration::from_millis(20),
        request_id: Uuid::nil(),
        trace: Trace::begin(Uuid::nil(), UNIX_EPOCH),
    }
}

#[track_caller]
fn check(metrics: &Metrics, line: &str) {
    let figures = metrics.encode(Levels::default());
    assert!(figures.lines().any(|found| found == line), "no {line:?} in\n{figures}");
}

#[test]
fn requests_are_counted_by_dialect_function_outcome_and_blame() {
    let metrics = metrics();
    metrics.record(&finished(Some("echo"), StatusCode::OK, None));
    metrics.record(&finished(Some("echo"), StatusCode::OK, None));
    metrics.record(&finished(Some("echo"), StatusCode::OK, Some(Blame::Function)));
    metrics.record(&finished(None, StatusCode::NOT_FOUND, Some(Blame::Caller)));
    let series = "stayput_requests_total{dialect=\"stedi\",function=";
    check(&metrics, &format!("{series}\"echo\",status=\"2xx\",outcome=\"returned\",blame=\"\"}} 2"));
    check(&metrics, &format!("{series}\"echo\",status=\"2xx\",outcome=\"faulted\",blame=\"function\"}} 1"));
    check(&metrics, &format!("{series}\"\",status=\"4xx\",outcome=\"rejected\",blame=\"caller\"}} 1"));
    let durations = "stayput_request_duration_seconds";
    check(&metrics, &format!("{durations}_bucket{{le=\"0.01\",dialect=\"stedi\",function=\"echo\"}} 0"));
    check(&metrics, &format!("{durations}_bucket{{le=\"0.025\",dialect=\"stedi\",function=\"echo\"}} 3"));
    check(&metrics, &format!("{durations}_bucket{{le=\"+Inf\",dialect=\"stedi\",function=\"echo\"}} 3"));
    check(&metrics, &format!("{durations}_count{{dialect=\"stedi\",function=\"echo\"}} 3"));
    check(&metrics, &format!("{durations}_sum{{dialect=\"stedi\",function=\"echo\"}} 0.06"));
}

#[test]
fn names_that_the_table_does_not_have_open_no_series() {
    let metrics = metrics();
    metrics.record(&finished(Some("invented"), StatusCode::OK, None));
    assert!(!metrics.encode(Levels::default()).contains("invented"));
    check(
        &metrics,
        "stayput_requests_total{dialect=\"stedi\",function=\"\",status=\"2xx\",outcome=\"returned\",blame=\"\"} 1",
    );
}

#[test]
fn what_was_counted_stays_counted_whatever_the_table_says_next() {
    let metrics = Metrics::new(&table(&["echo", "idle"]));
    let series = |function: &str, count: u32| {
        format!(
            "stayput_requests_total{{dialect=\"stedi\",function=\"{function}\",status=\"2xx\",outcome=\"returned\",blame=\"\"}} {count}"
        )
    };
    metrics.record(&finished(Some("echo"), StatusCode::OK, None));
    metrics.follow(&table(&["new"]));
    metrics.record(&finished(Some("new"), StatusCode::OK, None));
    metrics.record(&finished(Some("echo"), StatusCode::OK, None));
    check(&metrics, &series("echo", 2));
    check(&metrics, &series("new", 1));
    metrics.follow(&table(&["echo"]));
    check(&metrics, &series("echo", 2));
    check(&metrics, &series("new", 1));
}

#[test]
fn refusals_and_failed_calls_are_counted_by_why() {
    let metrics = metrics();
    let throttled = Rejection::Throttled { reason: "CallerRateLimitExceeded", retry_after_s: None };
    let unknown = finished(None, StatusCode::NOT_FOUND, Some(Blame::Caller));
    metrics.record(&Finished { rejection: Some(&Rejection::UnknownFunction), ..unknown });
    metrics.record(&Finished { rejection: Some(&throttled), ..unknown });
    metrics.called(None);
    metrics.called(Some(&throttled));
    let labels = |reason: &str, throttle: &str| format!("reason=\"{reason}\",throttle=\"{throttle}\"");
    let rejections = "stayput_rejections_total{dialect=\"stedi\",";
    check(&metrics, &format!("{rejections}{}}} 1", labels("unknown_function", "")));
    check(&metrics, &format!("{rejections}{}}} 1", labels("throttled", "CallerRateLimitExceeded")));
    check(&metrics, "stayput_backend_calls_total 2");
    let failures = labels("throttled", "CallerRateLimitExceeded");
    check(&metrics, &format!("stayput_backend_failures_total{{{failures}}} 1"));
}

#[test]
fn a_request_is_in_flight_until_it_is_dropped() {
    let metrics = metrics();
    let request = metrics.start();
    check(&metrics, "stayput_requests_in_flight 1");
    drop(request);
    check(&metrics, "stayput_requests_in_flight 0");
}

#[test]
fn connections_are_those_that_are_open() {
    let metrics = metrics();
    metrics.connected(1);
    // Another worker may close what one has opened.
    std::thread::scope(|scope| drop(scope.spawn(|| metrics.connected(1))));
    check(&metrics, "stayput_connections 2");
    metrics.connected(-1);
    check(&metrics, "stayput_connections 1");
}

#[test]
fn what_the_front_refuses_counts_without_a_dialect() {
    let metrics = metrics();
    metrics.refused(Refusal::Slow);
    metrics.refused(Refusal::Slow);
    let series = "stayput_rejections_total{dialect=\"-\",reason=\"head_timeout\",throttle=\"\"}";
    check(&metrics, &format!("{series} 2"));
}

#[test]
fn levels_and_the_build_are_told() {
    let levels = Levels { buffered_bytes: 7, dropped_log_lines: 8, dropped_spans: 9, tasks: 10 };
    let figures = metrics().encode(levels);
    for line in [
        "stayput_buffered_bytes 7",
        "stayput_access_log_dropped_lines_total 8",
        "stayput_dropped_spans_total 9",
        "stayput_tasks 10",
        concat!("stayput_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1"),
    ] {
        assert!(figures.lines().any(|found| found == line), "no {line:?} in\n{figures}");
    }
}
