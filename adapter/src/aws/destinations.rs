//! Functions' destinations, as Lambda has them: asked once for each function that is called with a callback, and again after a
//! while.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Method, Request, StatusCode, request};
use lambda_protocol::function::{FunctionRef, Qualifier};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use tokio::time::timeout;

use super::{ServiceError, Sqs};
use crate::{
    backend::{BackendError, LambdaBackend as _, lean::Lean},
    destinations::{Answer, Destinations},
};

/// Asks Lambda.
#[derive(Debug)]
pub struct EventInvokeConfigs {
    lambda: Lean,
    queue: Arc<Sqs>,
    /// By what was asked for. As many as the operator's table has rows.
    known: Mutex<HashMap<String, Known>>,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    leads_here: bool,
    until: Instant,
}

/// Why it is not known.
#[derive(Debug, thiserror::Error)]
pub enum DestinationsUnknown {
    #[error("the queue does not tell its ARN")]
    Queue(#[from] ServiceError),
    #[error("Lambda does not answer")]
    Lambda(#[from] BackendError),
    #[error("Lambda refuses to tell, with {0}")]
    Refused(StatusCode),
    #[error("what Lambda tells cannot be read")]
    Unreadable(#[from] serde_json::Error),
    #[error("no answer within {} s", PATIENCE.as_secs())]
    Late,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Config {
    #[serde(default)]
    destination_config: DestinationConfig,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DestinationConfig {
    #[serde(default)]
    on_success: Destination,
    #[serde(default)]
    on_failure: Destination,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Destination {
    destination: Option<String>,
}

impl EventInvokeConfigs {
    pub(super) fn new(lambda: Lean, queue: Arc<Sqs>) -> Self {
        Self { lambda, queue, known: Mutex::default() }
    }

    async fn look(&self, target: &str) -> bool {
        let now = Instant::now();
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(target).copied();
        if let Some(Known { leads_here, .. }) = known.filter(|known| now < known.until) {
            return leads_here;
        }
        let leads_here = self.ask_in_time(target).await.unwrap_or_else(|unknown| {
            let error = &unknown as &dyn std::error::Error;
            tracing::warn!(
                error,
                target,
                "a function's destinations are not known; its callbacks are promised all the same"
            );
            true
        });
        let known = Known { leads_here, until: now + if leads_here { GOOD_FOR } else { BAD_FOR } };
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(target.to_owned(), known);
        leads_here
    }

    /// Do the ends of such calls come to the queue? Asked now.
    ///
    /// # Errors
    /// Why that is not known.
    pub async fn find(
        &self,
        function: &FunctionRef,
        qualifier: Option<&Qualifier>,
    ) -> Result<bool, DestinationsUnknown> {
        self.ask_in_time(&target(function, qualifier)).await
    }

    async fn ask_in_time(&self, target: &str) -> Result<bool, DestinationsUnknown> {
        timeout(PATIENCE, self.ask(target)).await.unwrap_or(Err(DestinationsUnknown::Late))
    }

    async fn ask(&self, target: &str) -> Result<bool, DestinationsUnknown> {
        let arn = self.queue.arn().await?;
        let reply = self.lambda.call(get(target), Bytes::new()).await?;
        let body = reply.body.collect(MAX_ANSWER_BYTES).await?.unwrap_or_default();
        match reply.head.status {
            StatusCode::OK => {
                let Config { destination_config: told } = serde_json::from_slice(&body)?;
                let here = |to: Destination| to.destination.as_deref() == Some(arn.as_str());
                Ok(here(told.on_success) && here(told.on_failure))
            }
            // The function is there, or the call itself will say so.
            StatusCode::NOT_FOUND => Ok(false),
            status => Err(DestinationsUnknown::Refused(status)),
        }
    }
}

impl Destinations for EventInvokeConfigs {
    fn lead_here<'a>(&'a self, function: &'a FunctionRef, qualifier: Option<&'a Qualifier>) -> Answer<'a> {
        Box::pin(async move { self.look(&target(function, qualifier)).await })
    }
}

/// `GetFunctionEventInvokeConfig`'s path and query.
fn target(function: &FunctionRef, qualifier: Option<&Qualifier>) -> String {
    let label = |text: &str| utf8_percent_encode(text, LABEL).to_string();
    let name = label(&function.to_string());
    match qualifier {
        None => format!("/2019-09-25/functions/{name}/event-invoke-config"),
        Some(qualifier) => {
            let qualifier = label(qualifier.as_str());
            format!("/2019-09-25/functions/{name}/event-invoke-config?Qualifier={qualifier}")
        }
    }
}

fn get(target: &str) -> request::Parts {
    let (mut head, ()) = Request::new(()).into_parts();
    head.method = Method::GET;
    head.uri = target.parse().expect("percent-encoded labels");
    head
}

/// How long functions' destinations are taken to stay as they are.
const GOOD_FOR: Duration = Duration::from_mins(5);
/// The same where they lead elsewhere: somebody may be about to mend that.
const BAD_FOR: Duration = Duration::from_secs(10);
/// For the queue and Lambda together: a caller waits.
const PATIENCE: Duration = Duration::from_secs(3);
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// All but RFC 3986's unreserved characters.
const LABEL: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
