use proptest::prelude::*;

use super::*;

#[track_caller]
fn check_made(fault: &Fault, kind: FaultKind, json: &str) {
    assert_eq!(String::from_utf8(fault.encode()).unwrap(), json);
    assert_eq!(fault.kind(), kind);
    assert_eq!(&Fault::decode(json.as_bytes()), fault);
}

#[test]
fn service_made_faults_are_as_recorded() {
    check_made(
        &Fault::timeout("<id>", Duration::from_secs(1)),
        FaultKind::TimedOut,
        r#"{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: <id> Error: Task timed out after 1.00 seconds"}"#,
    );
    check_made(
        &Fault::exited("<id>", ExitReason::Status(0)),
        FaultKind::Crashed,
        r#"{"errorType":"Runtime.ExitError","errorMessage":"RequestId: <id> Error: Runtime exited without providing a reason"}"#,
    );
    check_made(
        &Fault::invalid_entrypoint("<id>"),
        FaultKind::Crashed,
        r#"{"errorType":"Runtime.InvalidEntrypoint","errorMessage":"RequestId: <id> Error: Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"}"#,
    );
    check_made(
        &Fault::response_too_large(),
        FaultKind::ResponseTooLarge,
        r#"{"errorMessage":"Response payload size exceeded maximum allowed payload size (6291556 bytes).","errorType":"Function.ResponseSizeTooLarge"}"#,
    );
}

#[test]
fn exits_are_told_in_gos_words() {
    for (reason, expected) in [
        (ExitReason::Status(127), "exit status 127"),
        (ExitReason::Signal(9), "signal: killed"),
        (ExitReason::Signal(11), "signal: segmentation fault"),
        (ExitReason::Signal(6), "signal: aborted"),
        (ExitReason::Signal(15), "signal: terminated"),
        (ExitReason::Signal(31), "signal: signal 31"),
        (ExitReason::Signal(0), "signal: signal 0"),
        (ExitReason::Signal(-1), "signal: signal -1"),
    ] {
        assert_eq!(reason.to_string(), format!("Runtime exited with error: {expected}"));
    }
}

#[track_caller]
fn check_kind(json: &str, expected: FaultKind) {
    assert_eq!(Fault::decode(json.as_bytes()).kind(), expected, "{json}");
}

#[test]
fn the_kind_follows_from_the_type() {
    check_kind(r#"{"errorType":"ZeroDivisionError","errorMessage":"division by zero"}"#, FaultKind::Thrown);
    check_kind(r#"{"errorType":"Runtime.OutOfMemory"}"#, FaultKind::Crashed);
    check_kind(
        r#"{"errorType":"Runtime.ImportModuleError","requestId":"","stackTrace":[]}"#,
        FaultKind::Crashed,
    );
    check_kind(r#"{"errorType":"Sandbox.Timedout"}"#, FaultKind::TimedOut);
    check_kind(
        r#"{"errorType":"Mine","errorMessage":"Task timed out after 3.00 seconds"}"#,
        FaultKind::Thrown,
    );
    check_kind("{}", FaultKind::Thrown);
    check_kind("not json", FaultKind::Thrown);
}

#[test]
fn old_texts_without_a_type_are_understood() {
    check_kind(
        r#"{"errorMessage":"2019-05-01T10:00:00.000Z 8a0b Task timed out after 3.00 seconds"}"#,
        FaultKind::TimedOut,
    );
    check_kind(
        r#"{"errorMessage":"RequestId: 8a0b Process exited before completing request"}"#,
        FaultKind::Crashed,
    );
    check_kind(r#"{"errorMessage":"Task timed out after a while"}"#, FaultKind::Thrown);
}

#[test]
fn official_runtimes_bodies_are_read() {
    let python = br#"{"errorMessage": "division by zero", "errorType": "ZeroDivisionError", "requestId": "x",
        "stackTrace": ["  File \"/var/task/app.py\", line 3, in handler\n    1 / 0\n"]}"#;
    let fault = Fault::decode(python);
    assert_eq!(fault.error_type.as_deref(), Some("ZeroDivisionError"));
    assert_eq!(fault.trace, ["  File \"/var/task/app.py\", line 3, in handler\n    1 / 0\n"]);
    let node = br#"{"errorType":"Error","errorMessage":"no","trace":["Error: no","    at handler"]}"#;
    assert_eq!(Fault::decode(node).trace, ["Error: no", "    at handler"]);
}

#[test]
fn what_is_no_text_is_absent() {
    let odd = br#"{"errorType":5,"errorMessage":null,"trace":[["a",1]],"cause":{"errorType":"inner"}}"#;
    assert_eq!(Fault::decode(odd), Fault::default());
    for payload in [&b""[..], b"null", b"[]", b"\"text\"", b"{\"errorType\":\"cut", b"\xff"] {
        assert_eq!(Fault::decode(payload), Fault::default());
    }
}

#[test]
fn every_text_is_cut_at_a_character() {
    let long = "é".repeat(100_000);
    let json = serde_json::json!({ "errorType": long, "errorMessage": long, "trace": vec![&long; 200] });
    let fault = Fault::decode(json.to_string().as_bytes());
    assert_eq!(fault.error_type.unwrap().len(), MAX_TYPE_BYTES);
    assert_eq!(fault.error_message.unwrap().len(), MAX_MESSAGE_BYTES);
    assert_eq!(fault.trace.len(), MAX_TRACE_LINES);
    assert!(fault.trace.iter().all(|line| line.len() == MAX_TRACE_LINE_BYTES));
}

#[test]
fn depth_costs_nothing() {
    let deep = format!(r#"{{"x":{}{},"errorType":"E"}}"#, "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(Fault::decode(deep.as_bytes()).error_type.as_deref(), Some("E"));
}

proptest! {
    #[test]
    fn what_is_encoded_decodes_to_itself(
        error_type in prop::option::of(".{0,60}"),
        error_message: Option<String>,
        trace in prop::collection::vec(any::<String>(), 0..5),
    ) {
        let fault = Fault { error_type, error_message, trace };
        prop_assert_eq!(Fault::decode(&fault.encode()), fault);
    }

    #[test]
    fn any_payload_may_be_decoded(payload in prop::collection::vec(any::<u8>(), 0..200), text in r#"[\[\]{}",:a\\u0-9]{0,60}"#) {
        Fault::decode(&payload).kind();
        Fault::decode(format!(r#"{{"errorType":{text}}}"#).as_bytes()).kind();
    }
}
