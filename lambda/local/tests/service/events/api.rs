//! The calls that configure asynchronous invocation, in AWS's words.

use http::Response;
use lambda_local::{Settings, function::EventInvokeConfig};
use serde_json::{Value, json};

use super::{Events, lambda, sqs};
use crate::running::{check_refusal, function, header};

const PATH: &str = "/2019-09-25/functions/f/event-invoke-config";
const ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST";

async fn two() -> Events {
    Events::start(Settings::default(), vec![function("f"), function("other")]).await
}

/// The body without `LastModified`, which is a number of seconds.
#[track_caller]
fn config(answer: &Response<bytes::Bytes>) -> Value {
    assert_eq!(answer.status(), 200, "{answer:?}");
    assert_eq!(header(answer, "content-type"), Some("application/json"));
    let mut body: Value = serde_json::from_slice(answer.body()).unwrap();
    let modified = body.as_object_mut().unwrap().remove("LastModified").unwrap().as_f64().unwrap();
    assert!(modified > 1_600_000_000.0 && modified < 10_000_000_000.0, "{modified}");
    body
}

#[track_caller]
fn refused(answer: &Response<bytes::Bytes>, status: u16, code: &str, text: &str) {
    let key = if code == "ResourceNotFoundException" { "Message" } else { "message" };
    let body = match code {
        "ValidationException" => json!({key: text}),
        _ => json!({"Type": "User", key: text}),
    };
    check_refusal(answer, status, code, &body);
}

#[tokio::test]
async fn a_config_is_put_got_and_deleted() {
    let local = two().await;
    let none = format!("The function {ARN} doesn't have an EventInvokeConfig");
    refused(&local.ask("GET", PATH, "").await, 404, "ResourceNotFoundException", &none);
    let put = local.ask("PUT", PATH, r#"{"MaximumRetryAttempts":0}"#).await;
    let expected = json!({
        "FunctionArn": ARN, "MaximumRetryAttempts": 0, "DestinationConfig": {"OnSuccess": {}, "OnFailure": {}}
    });
    assert_eq!(config(&put), expected);
    assert_eq!(local.ask("GET", PATH, "").await.body(), put.body());
    let deleted = local.ask("DELETE", PATH, "").await;
    assert_eq!((deleted.status().as_u16(), deleted.body().len()), (204, 0));
    refused(&local.ask("DELETE", PATH, "").await, 404, "ResourceNotFoundException", &none);
    local.stop().await;
}

#[tokio::test]
async fn what_the_template_says_holds_for_its_alias_too() {
    let mut named = lambda_local::Function { alias: Some("live".to_owned()), ..function("f") };
    let said = EventInvokeConfig { maximum_retry_attempts: Some(1), ..EventInvokeConfig::default() };
    named.events.config = Some(said);
    let local = Events::start(Settings::default(), vec![named]).await;
    let told = config(&local.ask("GET", &format!("{PATH}?Qualifier=live"), "").await);
    let arn = "arn:aws:lambda:us-east-1:000000000000:function:f:live";
    assert_eq!((&told["FunctionArn"], &told["MaximumRetryAttempts"]), (&json!(arn), &json!(1)));
    assert_eq!(config(&local.ask("GET", PATH, "").await)["MaximumRetryAttempts"], 1);
    local.stop().await;
}

#[tokio::test]
async fn put_replaces_and_update_changes_what_it_names() {
    let local = two().await;
    let first = json!({
        "MaximumRetryAttempts": 1, "DestinationConfig": {"OnSuccess": {"Destination": sqs("q")}}
    });
    local.ask("PUT", PATH, &first.to_string()).await;
    let updated = local.ask("POST", PATH, r#"{"MaximumEventAgeInSeconds":60}"#).await;
    let expected = json!({
        "FunctionArn": ARN, "MaximumRetryAttempts": 1, "MaximumEventAgeInSeconds": 60,
        "DestinationConfig": {"OnSuccess": {"Destination": sqs("q")}, "OnFailure": {}}
    });
    assert_eq!(config(&updated), expected);
    let cleared = local.ask("POST", PATH, r#"{"DestinationConfig":{"OnSuccess":{"Destination":""}}}"#).await;
    assert_eq!(config(&cleared)["DestinationConfig"], json!({"OnSuccess": {}, "OnFailure": {}}));
    let other = json!({"DestinationConfig": {"OnFailure": {"Destination": lambda("other")}}});
    let put = config(&local.ask("PUT", PATH, &other.to_string()).await);
    assert_eq!(put.get("MaximumRetryAttempts"), None);
    assert_eq!(put["DestinationConfig"]["OnFailure"]["Destination"], lambda("other"));
    local.stop().await;
}

#[tokio::test]
async fn configs_are_listed() {
    let local = two().await;
    let path = format!("{PATH}/list");
    assert_eq!(local.ask("GET", &path, "").await.body(), r#"{"FunctionEventInvokeConfigs":[]}"#);
    local.ask("PUT", PATH, r#"{"MaximumRetryAttempts":0}"#).await;
    let listed = local.ask("GET", &format!("{path}?MaxItems=1&Marker=x"), "").await;
    let listed: Value = serde_json::from_slice(listed.body()).unwrap();
    assert_eq!(listed["FunctionEventInvokeConfigs"][0]["FunctionArn"], ARN);
    assert_eq!(listed.get("NextMarker"), None);
    for (items, text) in [
        (
            "51",
            "1 validation error detected: Value '51' at 'maxItems' failed to satisfy constraint: Member must have value less than or equal to 50",
        ),
        (
            "0",
            "1 validation error detected: Value '0' at 'maxItems' failed to satisfy constraint: Member must have value greater than or equal to 1",
        ),
    ] {
        let answer = local.ask("GET", &format!("{path}?MaxItems={items}"), "").await;
        refused(&answer, 400, "ValidationException", text);
    }
    local.stop().await;
}

#[tokio::test]
async fn what_is_not_there_has_its_own_texts() {
    let local = two().await;
    let nobody = "/2019-09-25/functions/nobody/event-invoke-config";
    let missing = "The function doesn't exist.";
    let setting = r#"{"MaximumRetryAttempts":0}"#;
    for (method, path) in [("PUT", nobody), ("POST", nobody), ("GET", &format!("{nobody}/list"))] {
        refused(&local.ask(method, path, setting).await, 404, "ResourceNotFoundException", missing);
    }
    let alias = format!("{PATH}?Qualifier=live");
    refused(&local.ask("PUT", &alias, setting).await, 404, "ResourceNotFoundException", missing);
    let none = "The function arn:aws:lambda:us-east-1:000000000000:function:f:live doesn't have an EventInvokeConfig";
    refused(&local.ask("GET", &alias, "").await, 404, "ResourceNotFoundException", none);
    let none = format!("The function {ARN} doesn't have an EventInvokeConfig");
    refused(&local.ask("POST", PATH, setting).await, 404, "ResourceNotFoundException", &none);
    let region = "/2019-09-25/functions/arn%3Aaws%3Alambda%3Aeu-west-1%3A000000000000%3Afunction%3Af/event-invoke-config";
    let text = "Functions from 'eu-west-1' are not reachable in this region ('us-east-1')";
    refused(&local.ask("GET", region, "").await, 404, "ResourceNotFoundException", text);
    local.stop().await;
}

#[tokio::test]
async fn a_config_without_a_setting_is_refused_before_the_function_is_looked_for() {
    let local = two().await;
    let text = "You must specify at least one of error handling or destination setting.";
    for body in ["", "{}"] {
        let answer = local.ask("PUT", "/2019-09-25/functions/nobody/event-invoke-config", body).await;
        refused(&answer, 400, "InvalidParameterValueException", text);
    }
    local.stop().await;
}

#[tokio::test]
async fn what_breaks_the_model_is_told_together() {
    let local = two().await;
    let path = "/2019-09-25/functions/f!/event-invoke-config";
    let body = r#"{"MaximumRetryAttempts":3,"MaximumEventAgeInSeconds":59,"DestinationConfig":{"OnFailure":{"Destination":"invalid"}}}"#;
    let answer = local.ask("PUT", path, body).await;
    assert_eq!(header(&answer, "x-amzn-errortype"), Some("ValidationException"));
    let body: Value = serde_json::from_slice(answer.body()).unwrap();
    let text = body["message"].as_str().unwrap();
    assert!(text.starts_with("4 validation errors detected: Value 'f!' at 'functionName' failed"), "{text}");
    for part in [
        "Value '3' at 'maximumRetryAttempts' failed to satisfy constraint: Member must have value less than or equal to 2",
        "Value '59' at 'maximumEventAgeInSeconds' failed to satisfy constraint: Member must have value greater than or equal to 60",
        "Value 'invalid' at 'destinationConfig.onFailure.destination' failed to satisfy constraint: Member must satisfy regular expression pattern: $|kafka://",
    ] {
        assert!(text.contains(part), "{text}");
    }
    let conflict = format!("{}?Qualifier=1", PATH.replace("/f/", "/f%3A%24LATEST/"));
    let text = "The derived qualifier from the function name does not match the specified qualifier.";
    let answer = local.ask("PUT", &conflict, r#"{"MaximumRetryAttempts":0}"#).await;
    refused(&answer, 400, "InvalidParameterValueException", text);
    local.stop().await;
}

#[tokio::test]
async fn a_destination_is_something_that_can_be_one() {
    let local = two().await;
    let put = async |arn: &str| {
        let body = json!({"DestinationConfig": {"OnSuccess": {"Destination": arn}}});
        local.ask("PUT", PATH, &body.to_string()).await
    };
    let code = "InvalidParameterValueException";
    let itself = "You can't specify the function as a destination for itself.";
    refused(&put(&lambda("f")).await, 400, code, itself);
    let missing = lambda("nobody");
    refused(&put(&missing).await, 400, code, &format!("The destination ARN {missing} is invalid."));
    let topic = "arn:aws:sns:us-east-1:000000000000:t";
    let text = format!(
        "The provided destination config DestinationConfig(onSuccess=OnSuccess(destination={topic}), onFailure=null) is invalid."
    );
    refused(&put(topic).await, 400, code, &text);
    assert_eq!(put(&lambda("other")).await.status(), 200);
    local.stop().await;
}

#[tokio::test]
async fn what_a_call_configures_holds_for_the_next_event() {
    let local = two().await;
    let body = json!({
        "MaximumRetryAttempts": 0, "DestinationConfig": {"OnFailure": {"Destination": sqs("bad")}}
    });
    local.ask("PUT", PATH, &body.to_string()).await;
    local.send("f", super::FAIL).await;
    assert_eq!(local.record("bad").await["requestContext"]["approximateInvokeCount"], 1);
    local.stop().await;
}

#[tokio::test]
async fn the_recursion_config_is_got_and_put() {
    let local = two().await;
    let path = "/2024-08-31/functions/f/recursion-config";
    assert_eq!(local.ask("GET", path, "").await.body(), r#"{"RecursiveLoop":"Terminate"}"#);
    let put = local.ask("PUT", path, r#"{"RecursiveLoop":"Allow"}"#).await;
    assert_eq!((put.status().as_u16(), &put.body()[..]), (200, &br#"{"RecursiveLoop":"Allow"}"#[..]));
    assert_eq!(local.ask("GET", path, "").await.body(), put.body());
    let answer = local.ask("PUT", path, r#"{"RecursiveLoop":"InvalidValue"}"#).await;
    let text = "1 validation error detected: Value 'InvalidValue' at 'recursiveLoop' failed to satisfy constraint: Member must satisfy enum value set: [Terminate, Allow]";
    refused(&answer, 400, "ValidationException", text);
    let answer = local.ask("GET", "/2024-08-31/functions/nobody/recursion-config", "").await;
    let text = "Function not found: arn:aws:lambda:us-east-1:000000000000:function:nobody";
    refused(&answer, 404, "ResourceNotFoundException", text);
    let answer = local.ask("GET", "/2024-08-31/functions/f%3A1/recursion-config", "").await;
    assert_eq!(header(&answer, "x-amzn-errortype"), Some("ValidationException"));
    local.stop().await;
}
