//! Functions that calls deploy, change and remove, as their clients see it.

use std::{io::Write as _, sync::Arc};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use lambda_local::{Deployments, Settings, languages::Tools};
use serde_json::{Value, json};
use zip::{ZipWriter, write::SimpleFileOptions};

use crate::running::{Running, check_refusal, function, header, outcome};

struct Deploying {
    running: Running,
    folder: tempfile::TempDir,
}

impl Deploying {
    async fn start(functions: Vec<lambda_local::Function>) -> Self {
        Self::again(tempfile::tempdir().unwrap(), functions).await
    }

    async fn again(folder: tempfile::TempDir, functions: Vec<lambda_local::Function>) -> Self {
        let tools = Tools {
            search_path: std::env::var_os("PATH").unwrap_or_default(),
            virtual_env: None,
            cargo: "cargo".into(),
            data_directory: folder.path().to_owned(),
        };
        let deployments = Deployments::open(folder.path().join("lambda"), tools).await.unwrap();
        let settings = Settings {
            deployments: Some(Arc::new(deployments)),
            endpoint: Some("http://127.0.0.1:9000".to_owned()),
            ..Settings::default()
        };
        Self { running: Running::start(settings, functions).await, folder }
    }

    /// The folder, of a service that has ended.
    async fn stop(self) -> tempfile::TempDir {
        self.running.stop().await;
        self.folder
    }

    async fn ask(&self, method: Method, target: &str, body: &Value) -> Response<Bytes> {
        let (head, ()) = Request::builder().method(method).uri(target).body(()).unwrap().into_parts();
        let body = if body.is_null() { Bytes::new() } else { body.to_string().into() };
        let answer = self.running.local.call(head, body).await;
        answer.map(|body| body.into_whole().expect("not streamed"))
    }

    /// The answer's body, where its status is as expected.
    #[track_caller]
    fn told(answer: &Response<Bytes>, status: u16) -> Value {
        assert_eq!(answer.status(), status, "{answer:?}");
        if answer.body().is_empty() { Value::Null } else { serde_json::from_slice(answer.body()).unwrap() }
    }

    async fn get(&self, target: &str) -> Value {
        Self::told(&self.ask(Method::GET, target, &Value::Null).await, 200)
    }

    async fn post(&self, target: &str, body: Value) -> Value {
        Self::told(&self.ask(Method::POST, target, &body).await, 201)
    }

    async fn put(&self, target: &str, body: Value) -> Value {
        Self::told(&self.ask(Method::PUT, target, &body).await, 200)
    }

    async fn delete(&self, target: &str) {
        Self::told(&self.ask(Method::DELETE, target, &Value::Null).await, 204);
    }

    async fn create(&self, name: &str, greeting: &str) -> Value {
        self.post(FUNCTIONS, new(name, greeting)).await
    }

    /// What the function says, and the version that said it.
    async fn says(&self, function: &str) -> (String, String) {
        let answer = self.running.invoke(function, r#"{"do":"environment"}"#).await;
        let (payload, error) = outcome(&answer);
        assert_eq!(error, None, "{payload}");
        let version = header(&answer, "x-amz-executed-version").unwrap().to_owned();
        assert_eq!(payload["AWS_LAMBDA_FUNCTION_VERSION"], version);
        (payload["CODE"].as_str().unwrap().to_owned(), version)
    }
}

/// An archive of a `misbehave` that knows its greeting.
fn zip(greeting: &str) -> String {
    let script = format!("#!/bin/sh\nCODE='{greeting}' exec '{}'\n", env!("CARGO_BIN_EXE_lambda-misbehave"));
    let mut writer = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    writer.start_file("bootstrap", SimpleFileOptions::default().unix_permissions(0o755)).unwrap();
    writer.write_all(script.as_bytes()).unwrap();
    base64_simd::STANDARD.encode_to_string(writer.finish().unwrap().into_inner())
}

fn new(name: &str, greeting: &str) -> Value {
    json!({
        "FunctionName": name,
        "Runtime": "provided.al2023",
        "Handler": "bootstrap",
        "Role": "arn:aws:iam::000000000000:role/x",
        "Timeout": 30,
        "Code": {"ZipFile": zip(greeting)},
    })
}

const FUNCTIONS: &str = "/2015-03-31/functions";
const ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function:hello";

#[tokio::test]
async fn the_templates_alias_leads_to_the_newest_code() {
    let echo = lambda_local::Function { alias: Some("live".to_owned()), ..function("echo") };
    let local = Deploying::start(vec![echo.clone()]).await;
    let live = "/2015-03-31/functions/echo/aliases/live";
    let told = local.get(live).await;
    assert_eq!((&told["Name"], &told["FunctionVersion"]), (&json!("live"), &json!("$LATEST")));
    let answer = local.running.invoke("echo:live", "{}").await;
    assert_eq!(header(&answer, "x-amz-executed-version"), Some("$LATEST"));
    // Whoever moves it, moves it until the template is deployed again.
    local.post("/2015-03-31/functions/echo/versions", json!({})).await;
    local.put(live, json!({"FunctionVersion": "1", "Description": "by hand"})).await;
    let answer = local.running.invoke("echo:live", "{}").await;
    assert_eq!(header(&answer, "x-amz-executed-version"), Some("1"));
    let local = Deploying::again(local.stop().await, vec![echo]).await;
    let told = local.get(live).await;
    assert_eq!((&told["FunctionVersion"], &told["Description"]), (&json!("$LATEST"), &json!("by hand")));
    let answer = local.running.invoke("echo:live", "{}").await;
    assert_eq!(header(&answer, "x-amz-executed-version"), Some("$LATEST"));
    local.stop().await;
}

#[tokio::test]
async fn what_is_created_is_told_as_aws_tells_it_and_runs() {
    let local = Deploying::start(vec![]).await;
    let told = local.create("hello", "first").await;
    assert_eq!(told["FunctionArn"], ARN);
    assert_eq!((&told["State"], &told["Version"]), (&json!("Active"), &json!("$LATEST")));
    assert_eq!(told["EphemeralStorage"], json!({"Size": 512}));
    assert_eq!(told["LoggingConfig"], json!({"LogFormat": "Text", "LogGroup": "/aws/lambda/hello"}));
    assert_eq!(told.get("Environment"), None, "nothing was said of variables");
    assert_eq!(local.says("hello").await, ("first".to_owned(), "$LATEST".to_owned()));
    let whole = local.get("/2015-03-31/functions/hello?Qualifier=$LATEST").await;
    assert_eq!(whole["Configuration"]["FunctionArn"], format!("{ARN}:$LATEST"));
    assert!(whole["Code"]["Location"].as_str().unwrap().starts_with("file:///"), "{whole}");
    assert_eq!(local.get("/2015-03-31/functions/hello/configuration").await, told);
    local.stop().await;
}

#[tokio::test]
async fn an_update_runs_from_the_next_call_on_and_what_it_replaces_leaves_the_disk() {
    let local = Deploying::start(vec![]).await;
    let before = local.create("hello", "first").await;
    assert_eq!(local.says("hello").await.0, "first");
    let after = local.put("/2015-03-31/functions/hello/code", json!({"ZipFile": zip("second")})).await;
    assert_eq!(local.says("hello").await.0, "second");
    assert_ne!((&before["RevisionId"], &before["CodeSha256"]), (&after["RevisionId"], &after["CodeSha256"]));
    let change = json!({"Timeout": 7, "Environment": {"Variables": {"AB": "1"}}, "Description": "a"});
    let told = local.put("/2015-03-31/functions/hello/configuration", change).await;
    assert_eq!((&told["Timeout"], &told["Environment"]["Variables"]["AB"]), (&json!(7), &json!("1")));
    assert_eq!(told["CodeSha256"], after["CodeSha256"]);
    let folder = local.stop().await;
    assert_eq!(std::fs::read_dir(folder.path().join("lambda/code")).unwrap().count(), 1);
}

#[tokio::test]
async fn versions_stay_and_aliases_move() {
    let local = Deploying::start(vec![]).await;
    local.create("hello", "first").await;
    let versions = "/2015-03-31/functions/hello/versions";
    let one = local.post(versions, json!({"Description": "one"})).await;
    assert_eq!((&one["Version"], &one["FunctionArn"]), (&json!("1"), &json!(format!("{ARN}:1"))));
    assert_eq!(local.post(versions, Value::Null).await["Version"], "1", "nothing has changed");
    let aliases = "/2015-03-31/functions/hello/aliases";
    local.post(aliases, json!({"Name": "live", "FunctionVersion": "1"})).await;
    let code = json!({"ZipFile": zip("second"), "Publish": true});
    assert_eq!(local.put("/2015-03-31/functions/hello/code", code).await["Version"], "2");
    for (qualified, greeting, version) in [
        ("hello", "second", "$LATEST"),
        ("hello:1", "first", "1"),
        ("hello:2", "second", "2"),
        ("hello:live", "first", "1"),
    ] {
        assert_eq!(local.says(qualified).await, (greeting.to_owned(), version.to_owned()), "{qualified}");
    }
    let live = "/2015-03-31/functions/hello/aliases/live";
    assert_eq!(local.put(live, json!({"FunctionVersion": "2"})).await["FunctionVersion"], "2");
    assert_eq!(local.says("hello:live").await.1, "2");
    let listed = local.get("/2015-03-31/functions/hello/versions?MaxItems=2").await;
    assert_eq!(listed["Versions"][1]["Version"], "1");
    let rest = local.get(&format!("{versions}?Marker={}", listed["NextMarker"].as_str().unwrap())).await;
    assert_eq!((&rest["Versions"][0]["Version"], rest.get("NextMarker")), (&json!("2"), None));
    let refused = local.ask(Method::DELETE, "/2015-03-31/functions/hello?Qualifier=2", &Value::Null).await;
    let text = "Unable to delete version because the following aliases reference it: [live]";
    check_refusal(&refused, 409, "ResourceConflictException", &json!({"Type": "User", "message": text}));
    local.delete("/2015-03-31/functions/hello?Qualifier=1").await;
    assert_eq!(local.running.invoke("hello:1", "{}").await.status(), StatusCode::NOT_FOUND);
    local.stop().await;
}

#[tokio::test]
async fn an_alias_of_two_versions_leads_to_both() {
    let local = Deploying::start(vec![]).await;
    local.create("hello", "first").await;
    local.post("/2015-03-31/functions/hello/versions", Value::Null).await;
    let code = json!({"ZipFile": zip("second"), "Publish": true});
    local.put("/2015-03-31/functions/hello/code", code).await;
    let weights = json!({"AdditionalVersionWeights": {"2": 0.5}});
    let alias = json!({"Name": "live", "FunctionVersion": "1", "RoutingConfig": weights});
    assert_eq!(local.post("/2015-03-31/functions/hello/aliases", alias).await["RoutingConfig"], weights);
    let mut seen = std::collections::BTreeSet::new();
    // That one of them is not met in so many calls happens once in 10^15 runs.
    for _ in 0..50 {
        seen.insert(local.says("hello:live").await.1);
    }
    assert_eq!(seen, ["1".to_owned(), "2".to_owned()].into());
    local.stop().await;
}

#[tokio::test]
async fn everything_is_there_after_a_restart() {
    let local = Deploying::start(vec![]).await;
    let told = local.create("hello", "first").await;
    local.post("/2015-03-31/functions/hello/versions", Value::Null).await;
    local.post("/2015-03-31/functions/hello/aliases", json!({"Name": "live", "FunctionVersion": "1"})).await;
    local.put("/2015-03-31/functions/hello/code", json!({"ZipFile": zip("second")})).await;
    local.create("gone", "x").await;
    local.delete("/2015-03-31/functions/gone").await;
    let reserved = json!({"ReservedConcurrentExecutions": 3});
    local.put("/2017-10-31/functions/hello/concurrency", reserved.clone()).await;
    let local = Deploying::again(local.stop().await, vec![]).await;
    assert_eq!(local.says("hello").await.0, "second");
    assert_eq!(local.says("hello:live").await, ("first".to_owned(), "1".to_owned()));
    assert_eq!(local.get("/2019-09-30/functions/hello/concurrency").await, reserved);
    let listed = local.get("/2015-03-31/functions/").await;
    assert_eq!(listed["Functions"].as_array().unwrap().len(), 1);
    assert_eq!(listed["Functions"][0]["Role"], told["Role"]);
    let folder = local.stop().await;
    assert_eq!(std::fs::read_dir(folder.path().join("lambda/code")).unwrap().count(), 2);
}

#[tokio::test]
async fn a_function_of_the_template_is_read_published_and_deployed_over_until_the_next_start() {
    let local = Deploying::start(vec![function("hello")]).await;
    let told = local.get("/2015-03-31/functions/hello/configuration").await;
    assert_eq!((&told["Handler"], &told["Timeout"]), (&json!("bootstrap"), &json!(10)));
    assert_eq!(local.post("/2015-03-31/functions/hello/versions", Value::Null).await["Version"], "1");
    assert_eq!(local.post("/2015-03-31/functions/hello/versions", Value::Null).await["Version"], "1");
    local.put("/2015-03-31/functions/hello/code", json!({"ZipFile": zip("over it")})).await;
    assert_eq!(local.says("hello").await.0, "over it");
    let local = Deploying::again(local.stop().await, vec![function("hello")]).await;
    for name in ["hello", "hello:1"] {
        let answer = local.running.invoke(name, r#"{"do":"count"}"#).await;
        assert_eq!(outcome(&answer).0["calls"], 1, "{name} is the template's");
    }
    local.stop().await;
}

#[tokio::test]
async fn a_reservation_holds_for_all_versions_together_from_the_next_call_on() {
    let local = Deploying::start(vec![]).await;
    local.create("hello", "first").await;
    local.post("/2015-03-31/functions/hello/versions", Value::Null).await;
    local.put("/2017-10-31/functions/hello/concurrency", json!({"ReservedConcurrentExecutions": 0})).await;
    for name in ["hello", "hello:1"] {
        assert_eq!(local.running.invoke(name, "{}").await.status(), StatusCode::TOO_MANY_REQUESTS, "{name}");
    }
    local.delete("/2017-10-31/functions/hello/concurrency").await;
    assert_eq!(local.says("hello:1").await.0, "first");
    let all = json!({"ReservedConcurrentExecutions": 901});
    let refused = local.ask(Method::PUT, "/2017-10-31/functions/hello/concurrency", &all).await;
    let text = "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution \
                below its minimum value of [100].";
    check_refusal(&refused, 400, "InvalidParameterValueException", &json!({"Type": "User", "message": text}));
    local.stop().await;
}

#[tokio::test]
async fn mistakes_are_refused_in_awss_words_and_change_nothing() {
    let local = Deploying::start(vec![]).await;
    local.create("hello", "first").await;
    let again = local.ask(Method::POST, FUNCTIONS, &new("hello", "x")).await;
    let text = "Function already exist: hello";
    check_refusal(&again, 409, "ResourceConflictException", &json!({"Type": "User", "message": text}));
    let missing = local.ask(Method::GET, "/2015-03-31/functions/other", &Value::Null).await;
    let text = "Function not found: arn:aws:lambda:us-east-1:000000000000:function:other";
    check_refusal(&missing, 404, "ResourceNotFoundException", &json!({"Type": "User", "Message": text}));
    let stale = json!({"ZipFile": zip("x"), "RevisionId": "0"});
    let stale = local.ask(Method::PUT, "/2015-03-31/functions/hello/code", &stale).await;
    assert_eq!(header(&stale, "x-amzn-errortype"), Some("PreconditionFailedException"));
    let broken = json!({"ZipFile": base64_simd::STANDARD.encode_to_string("no archive")});
    let broken = local.ask(Method::PUT, "/2015-03-31/functions/hello/code", &broken).await;
    assert!(
        broken.body().starts_with(br#"{"Type":"User","message":"Could not unzip uploaded file."#),
        "{broken:?}"
    );
    let alias = local.ask(Method::GET, "/2015-03-31/functions/hello/aliases/x", &Value::Null).await;
    let text = format!("Cannot find alias arn: {ARN}:x");
    check_refusal(&alias, 404, "ResourceNotFoundException", &json!({"Type": "User", "Message": text}));
    local.delete("/2015-03-31/functions/hello/aliases/x").await;
    assert_eq!(local.says("hello").await.0, "first");
    let folder = local.stop().await;
    assert_eq!(std::fs::read_dir(folder.path().join("lambda/code")).unwrap().count(), 1);
}

#[tokio::test]
async fn permissions_tags_and_urls_are_kept_and_told() {
    let local = Deploying::start(vec![]).await;
    local.create("hello", "first").await;
    let permission = json!({
        "StatementId": "url", "Action": "lambda:InvokeFunctionUrl", "Principal": "*", "FunctionUrlAuthType": "NONE",
    });
    let policy = "/2015-03-31/functions/hello/policy";
    local.post(policy, permission.clone()).await;
    let statement = json!({
        "Sid": "url", "Effect": "Allow", "Principal": "*", "Action": "lambda:InvokeFunctionUrl", "Resource": ARN,
        "Condition": {"StringEquals": {"lambda:FunctionUrlAuthType": "NONE"}},
    });
    let told: Value = serde_json::from_str(local.get(policy).await["Policy"].as_str().unwrap()).unwrap();
    assert_eq!(told["Statement"], json!([statement]));
    assert_eq!(local.ask(Method::POST, policy, &permission).await.status(), StatusCode::CONFLICT);
    local.delete("/2015-03-31/functions/hello/policy/url").await;
    assert_eq!(local.ask(Method::GET, policy, &Value::Null).await.status(), StatusCode::NOT_FOUND);

    let tags = format!("/2017-03-31/tags/{}", ARN.replace(':', "%3A"));
    Deploying::told(&local.ask(Method::POST, &tags, &json!({"Tags": {"a": "1", "b": "2"}})).await, 204);
    local.delete(&format!("{tags}?tagKeys=a")).await;
    assert_eq!(local.get(&tags).await, json!({"Tags": {"b": "2"}}));

    let url = "/2021-10-31/functions/hello/url";
    assert_eq!(local.ask(Method::GET, url, &Value::Null).await.status(), StatusCode::NOT_FOUND);
    let told = local.post(url, json!({"AuthType": "NONE", "Cors": {"AllowOrigins": ["*"]}})).await;
    assert_eq!(told["FunctionUrl"], "http://127.0.0.1:9000/lambda-url/hello/");
    assert_eq!(told["Cors"]["AllowOrigins"], json!(["*"]));
    assert_eq!(
        local.ask(Method::POST, url, &json!({"AuthType": "NONE"})).await.status(),
        StatusCode::CONFLICT
    );
    assert_eq!(local.put(url, json!({"InvokeMode": "RESPONSE_STREAM"})).await["AuthType"], "NONE");
    local.delete(url).await;
    local.stop().await;
}

#[tokio::test]
async fn a_service_without_a_place_for_them_takes_none() {
    let running = Running::with(function("hello")).await;
    let answer = running.call(FUNCTIONS, &[], &new("other", "x").to_string()).await;
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{answer:?}");
    assert_eq!(header(&answer, "x-amzn-errortype"), Some("InvalidParameterValueException"));
    running.stop().await;
}

#[tokio::test]
async fn deploying_again_and_again_leaves_nothing_behind() {
    let local = Deploying::start(vec![]).await;
    for turn in 0..20 {
        let greeting = turn.to_string();
        local.create("hello", &greeting).await;
        local.post("/2015-03-31/functions/hello/versions", Value::Null).await;
        assert_eq!(local.says("hello:1").await.0, greeting);
        local.delete("/2015-03-31/functions/hello").await;
    }
    let folder = local.stop().await;
    for left in ["code", "functions"] {
        assert_eq!(std::fs::read_dir(folder.path().join("lambda").join(left)).unwrap().count(), 0, "{left}");
    }
}
