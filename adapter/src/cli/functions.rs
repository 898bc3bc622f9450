//! `stayput functions`

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use aws_sdk_lambda::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
    types::FunctionConfiguration,
};
use clap::Args;
use serde::Serialize;
use serde_json::json;
use stayput_core::table::Table;

use super::{
    Exit, Failure,
    options::{AwsOptions, ConfigOptions},
    terminal::{print_json, print_table, say},
};
use crate::{
    aws,
    config::{AwsSettings, Config},
};

/// List the AWS account's functions, and which of them callers can name
///
/// Endpoint, region and credentials are those of `stayput serve`: the settings of [aws], else the AWS SDK's own
/// variables and files.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  stayput functions --region eu-central-1")]
pub(super) struct Functions {
    #[command(flatten)]
    config: ConfigOptions,
    #[command(flatten)]
    aws: AwsOptions,
    /// Ask for the state of each function that callers can name, one request each
    #[arg(long)]
    state: bool,
}

impl Functions {
    pub(super) fn run(self, json: bool) -> Result<Exit, Failure> {
        let config = self.config.load(self.aws.flags())?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let Config { aws, rows, .. } = config;
        let named = names(&rows.map(|rows| rows.table).unwrap_or_default());
        let listed = runtime.block_on(list(&aws, &named, self.state))?;
        let missing: Vec<_> =
            named.keys().filter(|name| listed.iter().all(|line| line.name != **name)).collect();
        if json {
            print_json(&json!({ "functions": listed, "missing": missing }));
            return Ok(Exit::Done);
        }
        let rows: Vec<_> = listed.into_iter().map(Line::cells).collect();
        print_table(
            ["FUNCTION", "RUNTIME", "STATE", "TIMEOUT", "MEMORY", "MODIFIED", "CALLERS' NAMES"],
            &rows,
        );
        for name in missing {
            say(format_args!("warning: the account has no function {name:?}, which the configuration names"));
        }
        Ok(Exit::Done)
    }
}

/// Lambda functions by name, and what callers call each.
type Names = BTreeMap<String, BTreeSet<String>>;

fn names(table: &Table) -> Names {
    let mut names = Names::new();
    for (dialect, key, function) in table.rows() {
        let callers = names.entry(function.lambda.name.clone()).or_default();
        callers.insert(format!("{dialect} {}", key.as_str()));
    }
    names
}

async fn list(settings: &AwsSettings, named: &Names, states: bool) -> Result<Vec<Line>, Failure> {
    let config = aws::sdk_config(settings).await;
    if config.region().is_none() {
        return Err(Failure::usage("no region; write --region, or set AWS_REGION"));
    }
    aws::check_credentials(&config)
        .await
        .map_err(|cause| Failure::unreachable(NO_CREDENTIALS).because(&cause))?;
    let client = aws::lambda_client(&config);
    let mut pages = client.list_functions().into_paginator().send();
    let mut lines = Vec::new();
    while let Some(page) = in_time(pages.next()).await? {
        let page = page.map_err(|error| refused(&error, RIGHTS))?;
        lines.extend(page.functions.unwrap_or_default().into_iter().map(|found| Line::new(found, named)));
    }
    lines.sort_by(|one, other| one.name.cmp(&other.name));
    if states {
        for line in lines.iter_mut().filter(|line| !line.callers.is_empty()) {
            line.state = state(&client, &line.name).await?;
        }
    }
    Ok(lines)
}

async fn state(client: &Client, name: &str) -> Result<Option<String>, Failure> {
    let asked = client.get_function_configuration().function_name(name).send();
    let found = in_time(asked).await?.map_err(|error| refused(&error, RIGHTS))?;
    Ok(found.state.map(|state| state.as_str().to_owned()))
}

pub(super) async fn in_time<T>(answer: impl Future<Output = T>) -> Result<T, Failure> {
    let waited = tokio::time::timeout(PATIENCE, answer).await;
    waited.map_err(|_| Failure::timed_out(format_args!("no answer from AWS within {} s", PATIENCE.as_secs())))
}

/// What is wrong, and whose move it is; `rights`: what the call takes.
pub(super) fn refused<E>(error: &SdkError<E>, rights: &str) -> Failure
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let Some(refusal) = error.as_service_error() else {
        return Failure::unreachable("the Lambda service could not be reached; is the endpoint right?")
            .because(error);
    };
    let code = refusal.code().unwrap_or("an unnamed error");
    let message = refusal.message().unwrap_or_default();
    let hint = match code {
        "AccessDeniedException" => format!("; the credentials need {rights}"),
        "ExpiredTokenException" | "InvalidSignatureException" | "UnrecognizedClientException" => {
            "; get fresh credentials, or look at AWS_PROFILE".to_owned()
        }
        _ => String::new(),
    };
    Failure::unreachable(format_args!("AWS refuses: {code} {message}{hint}"))
}

/// One function, for people and programs.
#[derive(Debug, Serialize)]
struct Line {
    name: String,
    /// `None`: a container image brings its own.
    runtime: Option<String>,
    /// `None`: not asked for; AWS leaves it out of lists.
    state: Option<String>,
    timeout_seconds: Option<i32>,
    memory_mb: Option<i32>,
    /// ISO 8601, as AWS writes it.
    last_modified: Option<String>,
    /// Dialect and name; empty: no caller can name it.
    callers: Vec<String>,
}

impl Line {
    fn new(found: FunctionConfiguration, named: &Names) -> Self {
        let name = found.function_name.unwrap_or_default();
        Self {
            callers: named.get(&name).into_iter().flatten().cloned().collect(),
            name,
            runtime: found.runtime.map(|runtime| runtime.as_str().to_owned()),
            state: found.state.map(|state| state.as_str().to_owned()),
            timeout_seconds: found.timeout,
            memory_mb: found.memory_size,
            last_modified: found.last_modified,
        }
    }

    fn cells(self) -> [String; 7] {
        let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        let callers = self.callers.join(", ");
        [
            self.name,
            or_none(self.runtime),
            or_none(self.state),
            or_none(self.timeout_seconds.map(|seconds| format!("{seconds} s"))),
            or_none(self.memory_mb.map(|memory| format!("{memory} MB"))),
            or_none(self.last_modified),
            or_none((!callers.is_empty()).then_some(callers)),
        ]
    }
}

const RIGHTS: &str = "lambda:ListFunctions and lambda:GetFunctionConfiguration";

/// For one page of fifty, or one state. AWS answers within a second.
const PATIENCE: Duration = Duration::from_secs(20);

const NO_CREDENTIALS: &str = "no AWS credentials; set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run `aws sso login`";
