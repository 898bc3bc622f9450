//! What becomes of a function's output.

use serde_json::json;

use crate::running::{Running, function, header, log_tail};

#[tokio::test]
async fn the_log_tail_holds_start_output_end_and_report() {
    let local = Running::with(function("echo")).await;
    for cold in [true, false] {
        let answer = local.invoke_tail(r#"{"do":"print","text":"one\ntwo"}"#).await;
        let id = header(&answer, "x-amzn-requestid").unwrap();
        let tail = String::from_utf8(log_tail(&answer)).unwrap();
        let begin = format!("START RequestId: {id} Version: $LATEST\none\ntwo");
        let report = tail.strip_prefix(&begin).unwrap_or_else(|| panic!("{tail}"));
        assert!(
            report.contains(&format!("END RequestId: {id}\nREPORT RequestId: {id}\tDuration: ")),
            "{tail}"
        );
        assert!(report.contains("\tMemory Size: 128 MB\tMax Memory Used: "), "{tail}");
        assert!(!report.contains("Max Memory Used: 0 MB"), "{tail}");
        assert_eq!(report.contains("Init Duration: "), cold, "{tail}");
    }
    local.stop().await;
}

#[tokio::test]
async fn of_much_output_the_tail_is_the_last_4096_bytes_and_the_terminal_gets_all() {
    let local = Running::with(function("echo")).await;
    let bytes = 64 << 20;
    let answer = local.invoke_tail(&json!({"do": "flood", "bytes": bytes, "line": 16}).to_string()).await;
    let tail = log_tail(&answer);
    assert_eq!(tail.len(), 4096);
    let text = String::from_utf8(tail).unwrap();
    let at = text.find("END RequestId").unwrap();
    assert!(
        text[..at].ends_with(&format!("\n{:015}\n", bytes / 16 - 1)) && text[at..].contains("REPORT"),
        "{text}"
    );
    let log = local.log.clone();
    local.stop().await;
    assert_eq!(log.lines_with("| 00000000"), bytes / 16);
}

#[tokio::test]
async fn lines_on_the_terminal_name_function_and_request() {
    let local = Running::with(function("echo")).await;
    let answer = local.invoke("echo", r#"{"do":"print","text":"hello\n"}"#).await;
    let id = header(&answer, "x-amzn-requestid").unwrap().to_owned();
    let log = local.log.clone();
    local.stop().await;
    let prefix = format!("echo {} | ", &id[28..]);
    for line in [
        format!("START RequestId: {id} Version: $LATEST"),
        "hello".to_owned(),
        format!("END RequestId: {id}"),
    ] {
        assert_eq!(log.lines_with(&format!("{prefix}{line}")), 1, "{line}");
    }
}
