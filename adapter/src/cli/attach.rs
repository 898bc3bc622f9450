//! `stayput attach`

use std::fmt;

use aws_sdk_lambda::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
    operation::get_function_event_invoke_config::GetFunctionEventInvokeConfigOutput,
    types::{DestinationConfig, OnFailure, OnSuccess},
};
use clap::Args;
use serde::Serialize;
use serde_json::json;

use super::{
    Exit, Failure,
    event_bridge::Queue,
    functions::{in_time, refused},
    options::{AwsOptions, ConfigOptions},
    terminal::{print, print_json},
};
use crate::{
    aws::{self, Account},
    config::Config,
};

mod durable;

use durable::Durable;

/// Have a function on AWS tell the callbacks' queue how its asynchronous calls end
///
/// Compares the function's destinations with the queue that callback.queue names, and says what differs; with --apply it sets
/// them. What else is configured of its asynchronous calls stays. An alias that is not there is made, for what is now $LATEST. AWS
/// itself checks that the function's role may send to the queue; where it may not, the command is named that allows it.
/// A durable function has no destinations: the commands are named by which EventBridge tells the queue of its executions.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  stayput attach resize-images --qualifier live --apply")]
pub(super) struct Attach {
    #[command(flatten)]
    config: ConfigOptions,
    #[command(flatten)]
    aws: AwsOptions,
    /// Name or ARN of the Lambda function
    function: String,
    /// Version or alias by which callers reach it
    #[arg(long)]
    qualifier: Option<String>,
    /// Set what differs
    #[arg(long)]
    apply: bool,
}

/// Where the two kinds of ends are told; `None`: nowhere.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
struct Destinations {
    on_success: Option<String>,
    on_failure: Option<String>,
}

impl Attach {
    pub(super) fn run(self, json: bool) -> Result<Exit, Failure> {
        let config = self.config.load(self.aws.clone().flags())?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(self.attach(&config, json))
    }

    async fn attach(&self, config: &Config, json: bool) -> Result<Exit, Failure> {
        let Some(queue) = &config.callback.queue else {
            return Err(Failure::usage("set callback.queue to the URL of the callbacks' queue"));
        };
        let unreachable =
            |cause: &aws::SetupError| Failure::unreachable("AWS cannot be reached").because(cause);
        let account = Account::find(&config.aws).await.map_err(|cause| unreachable(&cause))?;
        let url = queue.to_string();
        let queue = account.queue(&url).map_err(|cause| unreachable(&cause))?;
        let mut told = queue.attributes(&["QueueArn", "Policy"]).await.map_err(|cause| {
            Failure::unreachable("the callbacks' queue cannot be asked for its ARN").because(&cause)
        })?;
        let arn = told.remove("QueueArn").unwrap_or_default();
        let client = aws::lambda_client(&aws::sdk_config(&config.aws).await);
        let alias = self.missing_alias(&client).await?;
        let qualifier = self.qualifier.clone().filter(|_| alias.is_none());
        let asked =
            client.get_function_configuration().function_name(&self.function).set_qualifier(qualifier);
        let described = in_time(asked.send()).await?.map_err(|error| refused(&error, RIGHTS))?;
        if let Some(durable) = Durable::of(&described, &self.function, self.qualifier.as_deref())? {
            let bridge = account.event_bridge().await.map_err(|cause| unreachable(&cause))?;
            let queue = Queue { url: &url, arn: &arn, region: account.region() };
            let plan =
                durable.plan(&bridge.rules_to(&arn).await, queue, told.get("Policy").map(String::as_str));
            self.make(alias, &client).await?;
            durable.tell(&self.function, alias.map(Change::from), plan, self.apply, json);
            return Ok(Exit::Done);
        }
        let found = match alias {
            Some(_) => None,
            None => self.found(&client).await?,
        };
        let wanted = Destinations { on_success: Some(arn.clone()), on_failure: Some(arn) };
        let destinations = found.clone().unwrap_or_default().changes(&wanted);
        self.make(alias, &client).await?;
        if self.apply && !destinations.is_empty() {
            self.set(&client, wanted, found.is_some()).await?;
        }
        self.tell(&alias.map(Change::from).into_iter().chain(destinations).collect::<Vec<_>>(), json);
        Ok(Exit::Done)
    }

    /// The alias, if there is none, and if anything is to be set.
    async fn make(&self, alias: Option<Alias<'_>>, client: &Client) -> Result<(), Failure> {
        match alias.filter(|_| self.apply) {
            Some(alias) => alias.make(client).await,
            None => Ok(()),
        }
    }

    /// The alias that callers reach it by, where there is none of that name.
    async fn missing_alias(&self, client: &Client) -> Result<Option<Alias<'_>>, Failure> {
        let is_alias =
            |name: &&str| !name.starts_with('$') && !name.bytes().all(|byte| byte.is_ascii_digit());
        let Some(name) = self.qualifier.as_deref().filter(is_alias) else { return Ok(None) };
        let asked = client.get_alias().function_name(&self.function).name(name);
        match in_time(asked.send()).await? {
            Ok(_) => Ok(None),
            Err(error) if error.code() == Some("ResourceNotFoundException") => {
                // It may be the function that is not there.
                let asked = client.get_function_configuration().function_name(&self.function);
                in_time(asked.send()).await?.map_err(|error| refused(&error, RIGHTS))?;
                Ok(Some(Alias { function: &self.function, name }))
            }
            Err(error) => Err(refused(&error, RIGHTS)),
        }
    }

    /// `None`: nothing is configured of its asynchronous calls.
    async fn found(&self, client: &Client) -> Result<Option<Destinations>, Failure> {
        let asked = client
            .get_function_event_invoke_config()
            .function_name(&self.function)
            .set_qualifier(self.qualifier.clone());
        match in_time(asked.send()).await? {
            Ok(found) => Ok(Some(found.into())),
            Err(error) if error.code() == Some("ResourceNotFoundException") => Ok(None),
            Err(error) => Err(refused(&error, RIGHTS)),
        }
    }

    async fn set(&self, client: &Client, wanted: Destinations, is_configured: bool) -> Result<(), Failure> {
        let queue = wanted.on_success.clone().unwrap_or_default();
        let on_success = OnSuccess::builder().set_destination(wanted.on_success).build();
        let on_failure = OnFailure::builder().set_destination(wanted.on_failure).build();
        let destinations = DestinationConfig::builder().on_success(on_success).on_failure(on_failure).build();
        if is_configured {
            let update = client
                .update_function_event_invoke_config()
                .function_name(&self.function)
                .set_qualifier(self.qualifier.clone())
                .destination_config(destinations);
            let error = in_time(update.send()).await?.err();
            self.judge(client, error.as_ref(), &queue).await
        } else {
            let put = client
                .put_function_event_invoke_config()
                .function_name(&self.function)
                .set_qualifier(self.qualifier.clone())
                .destination_config(destinations);
            let error = in_time(put.send()).await?.err();
            self.judge(client, error.as_ref(), &queue).await
        }
    }

    /// # Errors
    /// There is one. Where it is that the function's role may not send, it says how to allow that.
    async fn judge<E>(&self, client: &Client, error: Option<&SdkError<E>>, queue: &str) -> Result<(), Failure>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let Some(error) = error else { return Ok(()) };
        let refused = refused(error, RIGHTS);
        if !error.message().is_some_and(|message| message.contains("role")) {
            return Err(refused);
        }
        let asked = client.get_function_configuration().function_name(&self.function);
        let Some(role) = in_time(asked.send()).await?.ok().and_then(|found| found.role) else {
            return Err(refused);
        };
        Err(Failure::unreachable(format_args!("{refused}; allow it by: {}", allow(&role, queue))))
    }

    fn tell(&self, changes: &[Change], json: bool) {
        if json {
            print_json(&json!({ "function": self.function, "applied": self.apply, "changes": changes }));
            return;
        }
        changes.iter().for_each(print);
        print(match (changes.is_empty(), self.apply) {
            (true, _) => "nothing differs",
            (false, true) => "set",
            (false, false) => "not set; do so with --apply",
        });
    }
}

/// An alias that is to be.
#[derive(Clone, Copy, Debug)]
struct Alias<'a> {
    function: &'a str,
    name: &'a str,
}

impl Alias<'_> {
    async fn make(self, client: &Client) -> Result<(), Failure> {
        let published = in_time(client.publish_version().function_name(self.function).send()).await?;
        let published = published.map_err(|error| refused(&error, RIGHTS))?;
        let alias = client.create_alias().function_name(self.function).name(self.name);
        let alias = alias.set_function_version(published.version);
        in_time(alias.send()).await?.map(drop).map_err(|error| refused(&error, RIGHTS))
    }
}

/// The command that lets a role send to the queue.
fn allow(role: &str, queue: &str) -> String {
    let name = role.rsplit('/').next().unwrap_or_default();
    let policy = json!({
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": queue}],
    });
    format!(
        "aws iam put-role-policy --role-name {name} --policy-name stayput-callbacks --policy-document '{policy}'"
    )
}

/// One difference between what is and what should be.
#[derive(Debug, Eq, PartialEq, Serialize)]
struct Change {
    what: &'static str,
    from: Option<String>,
    to: Option<String>,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, from, to } = self;
        let (from, to) = (from.as_deref().unwrap_or("-"), to.as_deref().unwrap_or("-"));
        write!(f, "{what}: {from} -> {to}")
    }
}

impl From<Alias<'_>> for Change {
    fn from(Alias { name, .. }: Alias<'_>) -> Self {
        Self { what: "alias", from: None, to: Some(format!("{name}, for a new version of $LATEST")) }
    }
}

impl Destinations {
    fn changes(&self, wanted: &Self) -> Vec<Change> {
        let pairs = [
            ("on success", &self.on_success, &wanted.on_success),
            ("on failure", &self.on_failure, &wanted.on_failure),
        ];
        let differing = pairs.into_iter().filter(|(_, from, to)| from != to);
        differing.map(|(what, from, to)| Change { what, from: from.clone(), to: to.clone() }).collect()
    }
}

impl From<GetFunctionEventInvokeConfigOutput> for Destinations {
    /// AWS may leave a member out or empty: both are none.
    fn from(found: GetFunctionEventInvokeConfigOutput) -> Self {
        let told = found.destination_config;
        let some = |text: Option<String>| text.filter(|text| !text.is_empty());
        let on_success = told.as_ref().and_then(|told| told.on_success.clone()?.destination);
        let on_failure = told.as_ref().and_then(|told| told.on_failure.clone()?.destination);
        Self { on_success: some(on_success), on_failure: some(on_failure) }
    }
}

const RIGHTS: &str = "lambda:GetFunctionEventInvokeConfig, lambda:PutFunctionEventInvokeConfig, \
                      lambda:UpdateFunctionEventInvokeConfig, lambda:GetFunctionConfiguration, and for aliases \
                      lambda:GetAlias, lambda:PublishVersion and lambda:CreateAlias";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_allowed_to_send_by_its_name() {
        let command = allow("arn:aws:iam::123456789012:role/service-role/works", "arn:aws:sqs:a:1:q");
        assert!(
            command.contains("--role-name works ") && command.contains(r#""Resource":"arn:aws:sqs:a:1:q""#)
        );
    }

    #[test]
    fn only_what_differs_is_changed() {
        let at = |queue: &str| Some(queue.to_owned());
        let wanted = Destinations { on_success: at("q"), on_failure: at("q") };
        assert!(wanted.changes(&wanted).is_empty());
        let elsewhere = Destinations { on_success: at("q"), on_failure: at("other") };
        let change = Change { what: "on failure", from: at("other"), to: at("q") };
        assert_eq!(elsewhere.changes(&wanted), [change]);
        assert_eq!(Destinations::default().changes(&wanted).len(), 2);
    }
}
