//! `stayput executions list`, `show`, `history` and `stop`

mod api;
mod tell;

use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Value, json};

use self::api::{ApiOptions, resource};
use super::{
    Exit, Failure,
    admin::escaped,
    terminal::{print_json, print_table},
};

/// See and stop executions of durable functions
///
/// Those of `stayput dev`, or with --aws those of the AWS account. An execution is named by its ARN, or by its function and its
/// name: what the gateway starts has its call's id as name, as callers know it.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  stayput executions list main-function")]
pub(super) struct Executions {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    List(List),
    Show(Show),
    History(History),
    Stop(Stop),
}

/// List a function's executions, the latest first
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  stayput executions list main-function --status RUNNING")]
struct List {
    /// The function's name or ARN
    function: String,
    /// Only those that stand so: RUNNING, SUCCEEDED, FAILED, TIMED_OUT, STOPPED
    #[arg(long, value_name = "STATUS")]
    status: Vec<String>,
    /// How many at most: 1 to 1000
    #[arg(long, value_name = "COUNT", default_value = "100", value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    #[command(flatten)]
    api: ApiOptions,
}

/// Show what an execution was given, how it stands, and what it gave
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  stayput executions show main-function 0199d6f3-8f3e-7c52-a7a1-0b8c7d9e6f50"
)]
struct Show {
    #[command(flatten)]
    which: Which,
}

/// Show what happened to an execution, in order
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  stayput executions history main-function 0199d6f3-8f3e-7c52-a7a1-0b8c7d9e6f50"
)]
struct History {
    #[command(flatten)]
    which: Which,
}

/// End an execution, whatever it does
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  stayput executions stop main-function 0199d6f3-8f3e-7c52-a7a1-0b8c7d9e6f50 --why unwanted"
)]
struct Stop {
    #[command(flatten)]
    which: Which,
    /// What whoever waits for it is told
    #[arg(long, value_name = "TEXT", default_value = "stopped by its operator")]
    why: String,
}

/// One execution.
#[derive(Args, Debug)]
struct Which {
    /// The execution's ARN; or its function, if its name follows
    execution: String,
    /// The execution's name
    name: Option<String>,
    #[command(flatten)]
    api: ApiOptions,
}

impl Executions {
    pub(super) fn run(self, json: bool) -> Result<Exit, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            match self.verb {
                Verb::List(list) => list.run(json).await,
                Verb::Show(Show { which }) => show(&which, json).await,
                Verb::History(History { which }) => history(&which, json).await,
                Verb::Stop(stop) => stop.run(json).await,
            }
        })?;
        Ok(Exit::Done)
    }
}

impl List {
    async fn run(self, json: bool) -> Result<(), Failure> {
        let Self { function, status, limit, api } = self;
        let statuses =
            status.iter().map(|status| format!("&Statuses={}", escaped(status))).collect::<String>();
        let query = format!("ReverseOrder=true&MaxItems={limit}{statuses}");
        let told = api.ask(Method::GET, &listing(&function, &query), "").await?;
        let executions = &told["DurableExecutions"];
        if json {
            print_json(executions);
            return Ok(());
        }
        let rows: Vec<_> = executions.as_array().into_iter().flatten().map(tell::row).collect();
        print_table(["NAME", "STATUS", "STARTED", "ENDED", "ARN"], &rows);
        Ok(())
    }
}

async fn show(which: &Which, json: bool) -> Result<(), Failure> {
    let told = which.api.ask(Method::GET, &resource(&which.arn().await?, ""), "").await?;
    if json {
        print_json(&told)
    } else {
        tell::execution(&told)
    }
    Ok(())
}

async fn history(which: &Which, json: bool) -> Result<(), Failure> {
    let arn = which.arn().await?;
    let mut events = Vec::new();
    let mut marker = String::new();
    loop {
        let query = format!("/history?IncludeExecutionData=true&MaxItems=1000&Marker={}", escaped(&marker));
        let mut told = which.api.ask(Method::GET, &resource(&arn, &query), "").await?;
        if let Value::Array(page) = told["Events"].take() {
            events.extend(page);
        }
        match told["NextMarker"].as_str() {
            Some(next) if !next.is_empty() => next.clone_into(&mut marker),
            _ => break,
        }
    }
    if json {
        print_json(&events)
    } else {
        events.iter().for_each(tell::event)
    }
    Ok(())
}

impl Stop {
    async fn run(self, json: bool) -> Result<(), Failure> {
        let Self { which, why } = self;
        let error = json!({ "ErrorType": "Stopped", "ErrorMessage": why }).to_string();
        let told = which.api.ask(Method::POST, &resource(&which.arn().await?, "/stop"), &error).await?;
        if json {
            print_json(&told)
        } else {
            tell::stopped(&told)
        }
        Ok(())
    }
}

impl Which {
    /// # Errors
    /// The function has no execution of that name.
    async fn arn(&self) -> Result<String, Failure> {
        let Some(name) = &self.name else { return Ok(self.execution.clone()) };
        let query = format!("DurableExecutionName={}", escaped(name));
        let told = self.api.ask(Method::GET, &listing(&self.execution, &query), "").await?;
        let found = told["DurableExecutions"][0]["DurableExecutionArn"].as_str();
        found.map(str::to_owned).ok_or_else(|| {
            Failure::usage(format_args!("{} has no execution of the name {name}", self.execution))
        })
    }
}

fn listing(function: &str, query: &str) -> String {
    format!("/2025-12-01/functions/{}/durable-executions?{query}", api::label(function))
}
