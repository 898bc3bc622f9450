//! `aws-sdk-lambda` against the embedded Lambda.

use std::process::ExitCode;

use aws_sdk_lambda::{
    primitives::Blob,
    types::{InvocationType, LogType},
};
use sdk_client::Checks;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let client = sdk_client::connect().await;
    let mut checks = Checks::default();

    let answer =
        client.invoke().function_name("echo").payload(Blob::new(r#"{"a":1}"#)).log_type(LogType::Tail);
    let answer = answer.send().await.expect("echo answers");
    checks.check("payload", answer.payload().map(Blob::as_ref), Some(&br#"{"a":1}"#[..]));
    checks.check("status", answer.status_code(), 200);
    checks.check("version", answer.executed_version(), Some("$LATEST"));
    checks.check("no function error", answer.function_error(), None);
    checks.check("log tail", answer.log_result().is_some(), true);

    let failed =
        client.invoke().function_name("fail").payload(Blob::new("{}")).send().await.expect("fail answers");
    checks.check("function error", failed.function_error(), Some("Unhandled"));
    let dry = client.invoke().function_name("echo").invocation_type(InvocationType::DryRun).send().await;
    checks.check("dry run", dry.expect("a dry run").status_code(), 204);

    let missing = client.invoke().function_name("nobody").send().await.expect_err("nobody is unknown");
    checks.check("unknown function", missing.into_service_error().is_resource_not_found_exception(), true);
    let bad =
        client.invoke().function_name("echo").payload(Blob::new("{")).send().await.expect_err("not JSON");
    checks.check("bad payload", bad.into_service_error().is_invalid_request_content_exception(), true);
    checks.finish()
}
