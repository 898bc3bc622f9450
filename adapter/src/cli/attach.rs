//! `stayput attach`

use aws_sdk_lambda::{
    Client,
    error::ProvideErrorMetadata as _,
    operation::get_function_event_invoke_config::GetFunctionEventInvokeConfigOutput,
    types::{DestinationConfig, OnFailure, OnSuccess},
};
use clap::Args;
use serde_json::json;

use super::{
    Exit, Failure,
    functions::{in_time, refused},
    options::{AwsOptions, ConfigOptions},
    terminal::{print, print_json},
};
use crate::{
    aws::{self, Account},
    config::Config,
};

/// Have a function on AWS tell the callbacks' queue how its asynchronous calls end
///
/// Compares the function's destinations with the queue that callback.queue names, and says what differs; with --apply it sets
/// them. What else is configured of its asynchronous calls stays. AWS itself checks that the function's role may send to the queue.
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
        let queue = account.queue(&queue.to_string()).map_err(|cause| unreachable(&cause))?;
        let arn = queue.arn().await.map_err(|cause| {
            Failure::unreachable("the callbacks' queue cannot be asked for its ARN").because(&cause)
        })?;
        let client = aws::lambda_client(&aws::sdk_config(&config.aws).await);
        let found = self.found(&client).await?;
        let wanted = Destinations { on_success: Some(arn.clone()), on_failure: Some(arn) };
        let changes = found.clone().unwrap_or_default().changes(&wanted);
        if self.apply && !changes.is_empty() {
            self.set(&client, wanted, found.is_some()).await?;
        }
        self.tell(&changes, json);
        Ok(Exit::Done)
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
        let on_success = OnSuccess::builder().set_destination(wanted.on_success).build();
        let on_failure = OnFailure::builder().set_destination(wanted.on_failure).build();
        let destinations = DestinationConfig::builder().on_success(on_success).on_failure(on_failure).build();
        if is_configured {
            let update = client
                .update_function_event_invoke_config()
                .function_name(&self.function)
                .set_qualifier(self.qualifier.clone())
                .destination_config(destinations);
            in_time(update.send()).await?.map(drop).map_err(|error| refused(&error, RIGHTS))
        } else {
            let put = client
                .put_function_event_invoke_config()
                .function_name(&self.function)
                .set_qualifier(self.qualifier.clone())
                .destination_config(destinations);
            in_time(put.send()).await?.map(drop).map_err(|error| refused(&error, RIGHTS))
        }
    }

    fn tell(&self, changes: &[Change], json: bool) {
        if json {
            let changes: Vec<_> = changes
                .iter()
                .map(|change| json!({ "what": change.what, "from": change.from, "to": change.to }))
                .collect();
            print_json(&json!({ "function": self.function, "applied": self.apply, "changes": changes }));
            return;
        }
        for Change { what, from, to } in changes {
            let (from, to) = (from.as_deref().unwrap_or("-"), to.as_deref().unwrap_or("-"));
            print(format_args!("{what}: {from} -> {to}"));
        }
        print(match (changes.is_empty(), self.apply) {
            (true, _) => "nothing differs",
            (false, true) => "set",
            (false, false) => "not set; do so with --apply",
        });
    }
}

/// One difference between what is and what should be.
#[derive(Debug, Eq, PartialEq)]
struct Change {
    what: &'static str,
    from: Option<String>,
    to: Option<String>,
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

const RIGHTS: &str = "lambda:GetFunctionEventInvokeConfig, lambda:PutFunctionEventInvokeConfig and \
                      lambda:UpdateFunctionEventInvokeConfig";

#[cfg(test)]
mod tests {
    use super::*;

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
