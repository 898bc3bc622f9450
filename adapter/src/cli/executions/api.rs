//! Asking Lambda of executions: the embedded one, or AWS's.

use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use http::{Method, Request, Uri, response};
use lambda_protocol::api_error::ApiError;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::cli::{Failure, client::Client};
#[cfg(feature = "aws")]
use crate::{aws::Account, backend::LambdaBackend as _, cli::options::ConfigOptions, config::AwsSettings};

/// Which Lambda is asked.
#[derive(Args, Debug)]
pub(super) struct ApiOptions {
    /// Where the embedded Lambda's API is
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9000")]
    endpoint: Uri,
    /// Ask AWS instead, by the settings of [aws], else the AWS SDK's own variables and files
    #[cfg(feature = "aws")]
    #[arg(long)]
    aws: bool,
    #[cfg(feature = "aws")]
    #[command(flatten)]
    config: ConfigOptions,
}

impl ApiOptions {
    /// The JSON that Lambda answers.
    ///
    /// # Errors
    /// It does not, or refuses.
    pub(super) async fn ask(&self, method: Method, target: &str, body: &str) -> Result<Value, Failure> {
        let request =
            Request::builder().method(method).uri(target).body(Bytes::copy_from_slice(body.as_bytes()));
        let request = request.map_err(|_| Failure::usage(format_args!("{target} is no path of Lambda's")))?;
        let (head, body) = self.send(request).await?;
        if !head.status.is_success() {
            let error = ApiError::decode(&head, &body);
            let is_theirs = error.code.status().is_server_error();
            return Err(if is_theirs { Failure::unreachable(&error) } else { Failure::usage(&error) });
        }
        serde_json::from_slice(&body)
            .map_err(|cause| Failure::unreachable("Lambda's answer cannot be read").because(&cause))
    }

    async fn send(&self, request: Request<Bytes>) -> Result<(response::Parts, Bytes), Failure> {
        #[cfg(feature = "aws")]
        if self.aws {
            return send_to_aws(&self.config.load(Vec::new())?.aws, request).await;
        }
        let lambda = Client {
            url: &self.endpoint,
            flag: "--endpoint",
            speaks: "as Lambda does",
            limit: PATIENCE,
            more: "it may be busy",
        };
        lambda.ask(request).await
    }
}

#[cfg(feature = "aws")]
async fn send_to_aws(
    settings: &AwsSettings,
    request: Request<Bytes>,
) -> Result<(response::Parts, Bytes), Failure> {
    let unreachable = |cause: &(dyn std::error::Error + 'static)| {
        Failure::unreachable("AWS cannot be reached").because(cause)
    };
    let account = Account::find(settings).await.map_err(|cause| unreachable(&cause))?;
    let lambda = account.lambda_api().await.map_err(|cause| unreachable(&cause))?;
    let (head, body) = request.into_parts();
    let asked = async {
        let reply = lambda.call(head, body).await?;
        let body = reply.body.collect(MAX_ANSWER_BYTES).await?.unwrap_or_default();
        Ok::<_, crate::backend::BackendError>((reply.head, body))
    };
    let answered = tokio::time::timeout(PATIENCE, asked).await;
    let late = |_| Failure::timed_out(format_args!("no answer within {PATIENCE:?}"));
    answered.map_err(late)?.map_err(|cause| unreachable(&cause))
}

/// An execution's path. `rest` begins with `/` or `?`, or is empty.
pub(super) fn resource(arn: &str, rest: &str) -> String {
    format!("/2025-12-01/durable-executions/{}{rest}", label(arn))
}

/// One part of a path, whatever is in it.
pub(super) fn label(text: &str) -> String {
    utf8_percent_encode(text, LABEL).to_string()
}

/// Everything but RFC 3986's unreserved characters.
const LABEL: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

const PATIENCE: Duration = Duration::from_secs(60);

/// Over a page of a history with the largest payloads.
#[cfg(feature = "aws")]
const MAX_ANSWER_BYTES: usize = 16 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_is_one_part_of_a_path() {
        let path = resource("arn:aws:lambda:r:1:function:f:$LATEST/durable-execution/a/b", "/stop");
        let label = "arn%3Aaws%3Alambda%3Ar%3A1%3Afunction%3Af%3A%24LATEST%2Fdurable-execution%2Fa%2Fb";
        assert_eq!(path, format!("/2025-12-01/durable-executions/{label}/stop"));
    }
}
