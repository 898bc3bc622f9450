use std::time::Duration;

use super::*;

const ID: Uuid = Uuid::from_u128(0x0198_0000_0000_7000_8000_0000_0000_0001);
const W3C: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const X_RAY: &str =
    "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0;Lineage=1:a87bd80c:0";

fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(*name, HeaderValue::from_str(value).unwrap());
    }
    headers
}

fn join(headers: &HeaderMap) -> Trace<'_> {
    Trace::join(headers, ID, SystemTime::UNIX_EPOCH + Duration::from_secs(0x5759_e988))
}

/// What a caller sends, and what goes to Lambda.
#[track_caller]
fn check(sent: &[(&'static str, &str)], x_ray: &str) {
    let headers = headers(sent);
    assert_eq!(join(&headers).to_x_ray(), x_ray, "{sent:?}");
}

/// What a caller sends, and the `traceparent` and `tracestate` that the function sees.
#[track_caller]
fn check_seen(sent: &[(&'static str, &str)], traceparent: &str, state: &[&str]) {
    let sent = headers(sent);
    let mut seen = sent.clone();
    let trace = join(&sent);
    trace.tell_function(&sent, trace.to_x_ray(), &mut seen);
    assert_eq!(seen["traceparent"], traceparent);
    assert_eq!(seen["x-amzn-trace-id"], trace.to_x_ray());
    assert_eq!(seen.get_all("tracestate").iter().collect::<Vec<_>>(), state);
}

#[test]
fn a_callers_trace_is_continued_under_our_span() {
    let ours = "Parent=8000000000000001";
    let w3c = format!("Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;{ours};Sampled=1");
    check(&[("traceparent", W3C)], &w3c);
    check(
        &[("x-amzn-trace-id", X_RAY)],
        &format!("Root=1-5759e988-bd862e3fe1be46a994272793;{ours};Sampled=0;Lineage=1:a87bd80c:0"),
    );
    check(
        &[("x-amzn-trace-id", "Root=1-5759e988-bd862e3fe1be46a994272793")],
        &format!("Root=1-5759e988-bd862e3fe1be46a994272793;{ours}"),
    );
}

#[test]
fn of_two_that_differ_the_callers_own_counts_and_lambdas_count_of_circles_is_kept() {
    check(
        &[("traceparent", W3C), ("x-amzn-trace-id", X_RAY)],
        "Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Parent=8000000000000001;Sampled=1;Lineage=1:a87bd80c:0",
    );
}

#[test]
fn without_a_trace_that_can_be_read_one_begins_here_and_nobody_has_decided() {
    let begun = "Root=1-5759e988-800000700000000000000001;Parent=8000000000000001";
    check(&[], begun);
    check(&[("traceparent", "00-no"), ("x-amzn-trace-id", "Root=1-2-3")], begun);
    check(&[("x-amzn-trace-id", "Root=1-00000000-000000000000000000000000;Sampled=1")], begun);
}

#[test]
fn the_callers_span_is_known_where_it_told_one() {
    let parent = |sent: &[(&'static str, &str)]| join(&headers(sent)).parent;
    assert_eq!(parent(&[("traceparent", W3C)]), Some(SpanId(0x00f0_67aa_0ba9_02b7)));
    assert_eq!(parent(&[("x-amzn-trace-id", X_RAY)]), Some(SpanId(0x5399_5c3f_42cd_8ad8)));
    assert_eq!(parent(&[("x-amzn-trace-id", &X_RAY.replace("53995c3f42cd8ad8", "0000000000000000"))]), None);
    assert_eq!(parent(&[]), None);
}

#[test]
fn a_function_sees_both_notations_and_the_state_that_goes_with_the_trace() {
    let ours = "00-4bf92f3577b34da6a3ce929d0e0e4736-8000000000000001-01";
    check_seen(&[("traceparent", W3C), ("tracestate", "a=1"), ("tracestate", "b=2")], ours, &["a=1", "b=2"]);
    let (fits, too_long) = ("s".repeat(MAX_STATE_BYTES), "s".repeat(MAX_STATE_BYTES + 1));
    check_seen(&[("traceparent", W3C), ("tracestate", &fits)], ours, &[&fits]);
    check_seen(&[("traceparent", W3C), ("tracestate", &too_long)], ours, &[]);
    let x_ray = "00-5759e988bd862e3fe1be46a994272793-8000000000000001-00";
    check_seen(&[("x-amzn-trace-id", X_RAY), ("tracestate", "a=1")], x_ray, &[]);
}

#[test]
fn a_caller_is_told_in_the_notations_that_it_used() {
    let told = |sent: &[(&'static str, &str)]| {
        let mut answer = HeaderMap::new();
        join(&headers(sent)).tell_caller(&mut answer);
        answer
    };
    let (parent, root) = (
        ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-8000000000000001-01"),
        "Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Sampled=1",
    );
    assert_eq!(told(&[]), HeaderMap::new());
    assert_eq!(told(&[("traceparent", "00-no")]), HeaderMap::new());
    assert_eq!(told(&[("traceparent", W3C)]), headers(&[parent]));
    let own = "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0";
    assert_eq!(told(&[("x-amzn-trace-id", X_RAY)]), headers(&[("x-amzn-trace-id", own)]));
    let both = [("traceparent", W3C), ("x-amzn-trace-id", X_RAY)];
    assert_eq!(told(&both), headers(&[parent, ("x-amzn-trace-id", root)]));
}
