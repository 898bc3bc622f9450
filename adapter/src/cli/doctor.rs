//! `stayput doctor`

use std::collections::BTreeMap;

use aws_sdk_lambda::{Client, error::ProvideErrorMetadata as _, types::InvocationType};
use clap::Args;
use lambda_protocol::function::{FunctionRef, Qualifier};
use serde::Serialize;
use serde_json::json;
use stayput_core::table::{Function, Table};

mod durable;
mod ledger;
mod queues;

use self::durable::{Described, Ends};
use super::{
    Exit, Failure,
    functions::in_time,
    options::{AwsOptions, ConfigOptions},
    terminal::{print, print_json, print_table},
};
use crate::{
    aws::{self, Account, EventInvokeConfigs, SetupError},
    config::{Config, GATEWAY_KEY},
    tokens::sealing,
};

/// Say what is missing on AWS for what the configuration promises, and how to mend it
///
/// Asks for each function whether it is there and may be invoked (a dry run: nothing is run), whether it is durable as its row says, and
/// whether its ends come to the callbacks' queue; and for queues, the ledger's table and the key. Changes nothing. Exits with 1
/// where something is missing.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  stayput doctor --config stayput.toml")]
pub(super) struct Doctor {
    #[command(flatten)]
    config: ConfigOptions,
    #[command(flatten)]
    aws: AwsOptions,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Finding {
    what: String,
    /// What was seen.
    seen: String,
    /// How to mend it; `None`: it is well.
    mend: Option<String>,
}

/// Words the commands that mend something.
struct Aws<'a> {
    region: &'a str,
}

impl Doctor {
    pub(super) fn run(self, json: bool) -> Result<Exit, Failure> {
        let config = self.config.load(self.aws.flags())?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let findings = runtime.block_on(examine(&config))?;
        let missing = findings.iter().filter(|finding| finding.mend.is_some()).count();
        if json {
            print_json(&json!({ "findings": findings, "missing": missing }));
        } else {
            let cells = |finding: &Finding| {
                let mend = finding.mend.clone().unwrap_or_default();
                [finding.what.clone(), finding.seen.clone(), mend]
            };
            print_table(["WHAT", "SEEN", "TO MEND IT"], &findings.iter().map(cells).collect::<Vec<_>>());
            print(match missing {
                0 => "nothing is missing".to_owned(),
                some => format!("{some} to mend"),
            });
        }
        Ok(if missing == 0 { Exit::Done } else { Exit::Negative })
    }
}

async fn examine(config: &Config) -> Result<Vec<Finding>, Failure> {
    let account = Account::find(&config.aws).await.map_err(|cause| unreachable(&cause))?;
    let client = aws::lambda_client(&aws::sdk_config(&config.aws).await);
    let mut findings = Vec::new();
    let queue = queues::look(config, &account, &mut findings).await?;
    ledger::look(config, &account, &mut findings).await?;
    let destinations = match &queue {
        Some((queue, _)) => {
            findings.push(key(config)?);
            let destinations = account.destinations(queue.clone()).await;
            Some(destinations.map_err(|cause| unreachable(&cause))?)
        }
        None => None,
    };
    let none = Table::default();
    let table = config.rows.as_ref().map_or(&none, |rows| &rows.table);
    let functions = functions(table);
    let mut ends = match &queue {
        Some((_, queue)) if functions.values().any(|row| row.durable) => {
            let bridge = account.event_bridge().await.map_err(|cause| unreachable(&cause))?;
            Some(Ends::new(queue, account.region(), bridge.rules_to(&queue.arn).await))
        }
        Some(_) | None => None,
    };
    for ((name, qualifier), row) in functions {
        let shown =
            qualifier.as_deref().map_or_else(|| name.clone(), |qualifier| format!("{name}:{qualifier}"));
        let there = invocable(&client, &name, qualifier.as_deref(), &shown).await?;
        let is_there = there.mend.is_none();
        findings.push(there);
        let described = durable::describe(&client, &name, qualifier.as_deref()).await?;
        findings.extend(durable::agree(&row, &shown, &described));
        // Of executions, EventBridge tells.
        if let Described::Durable { arn, .. } = &described {
            findings.extend(ends.as_mut().filter(|_| row.durable).map(|ends| ends.heard(arn, &shown)));
        } else if let Some(destinations) = destinations.as_ref().filter(|_| is_there && !row.durable) {
            findings.push(heard(destinations, &row.lambda, row.qualifier.as_ref(), &shown).await);
        }
    }
    findings.extend(ends.and_then(|ends| ends.let_in()));
    Ok(findings)
}

/// By Lambda function and qualifier, a row that names them.
type Functions = BTreeMap<(String, Option<String>), Function>;

/// Every function that callers can name, once.
fn functions(table: &Table) -> Functions {
    let rows = table.rows().map(|(_, _, row)| {
        let qualifier = row.qualifier.as_ref().map(|qualifier| qualifier.as_str().to_owned());
        ((row.lambda.to_string(), qualifier), Function::clone(row))
    });
    rows.collect()
}

/// Callbacks are sealed with it, and whoever delivers them needs the same one.
fn key(config: &Config) -> Result<Finding, Failure> {
    let given =
        sealing::shared(GATEWAY_KEY.from_environment()?.as_ref(), config.gateway.key_file.as_deref())?;
    let (seen, mend) = match (given, &config.aws.ledger) {
        (Some(_), _) => ("given", None),
        (None, None) => ("made and kept in the data directory", None),
        (None, Some(_)) => (
            "none, though aws.ledger is shared",
            Some("set STAYPUT_GATEWAY_KEY or gateway.key_file".to_owned()),
        ),
    };
    Ok(Finding { what: "the gateway's own key".to_owned(), seen: seen.to_owned(), mend })
}

async fn invocable(
    client: &Client,
    name: &str,
    qualifier: Option<&str>,
    shown: &str,
) -> Result<Finding, Failure> {
    let dry = client
        .invoke()
        .function_name(name)
        .set_qualifier(qualifier.map(str::to_owned))
        .invocation_type(InvocationType::DryRun);
    let (seen, mend) = match in_time(dry.send()).await? {
        Ok(_) => ("may be invoked".to_owned(), None),
        Err(error) => match error.code() {
            Some("ResourceNotFoundException") => (
                "not there".to_owned(),
                Some("deploy it, or change the row's lambda or qualifier".to_owned()),
            ),
            Some("AccessDeniedException") => {
                ("may not be invoked".to_owned(), Some(format!("allow lambda:InvokeFunction on {shown}")))
            }
            Some(code) => (code.to_owned(), Some("see what AWS says of it".to_owned())),
            None => {
                return Err(Failure::unreachable("the Lambda service could not be reached").because(&error));
            }
        },
    };
    Ok(Finding { what: format!("function {shown}"), seen, mend })
}

async fn heard(
    destinations: &EventInvokeConfigs,
    function: &FunctionRef,
    qualifier: Option<&Qualifier>,
    shown: &str,
) -> Finding {
    let attach = match qualifier {
        None => format!("stayput attach {function} --apply"),
        Some(qualifier) => format!("stayput attach {function} --qualifier {} --apply", qualifier.as_str()),
    };
    let (seen, mend) = match destinations.find(function, qualifier).await {
        Ok(true) => ("come to the queue".to_owned(), None),
        Ok(false) => ("are told to nobody, or elsewhere".to_owned(), Some(attach)),
        Err(unknown) => (unknown.to_string(), Some("allow lambda:GetFunctionEventInvokeConfig".to_owned())),
    };
    Finding { what: format!("ends of {shown}"), seen, mend }
}

impl Finding {
    fn well(what: impl Into<String>, seen: impl Into<String>) -> Self {
        Self { what: what.into(), seen: seen.into(), mend: None }
    }

    fn to_mend(what: impl Into<String>, seen: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { mend: Some(mend.into()), ..Self::well(what, seen) }
    }
}

impl Aws<'_> {
    fn sqs(&self, verb: &str, words: &str) -> String {
        format!("aws sqs {verb} --region {} {words}", self.region)
    }

    fn dynamodb(&self, verb: &str, table: &str, words: &str) -> String {
        format!("aws dynamodb {verb} --region {} --table-name {table} {words}", self.region)
            .trim_end()
            .to_owned()
    }
}

fn unreachable(cause: &SetupError) -> Failure {
    Failure::unreachable("AWS cannot be reached").because(cause)
}
