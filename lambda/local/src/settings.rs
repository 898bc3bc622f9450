//! What the whole service is told once, when it starts.

use std::{ffi::OsString, sync::Arc, time::Duration};

use event_queue::EventQueue;
use lambda_protocol::sigv4::{Credentials, Verifier};
use uuid::Uuid;

use crate::{
    deploy::Deployments,
    executions::store::ExecutionStore,
    observer::{Observer, Step},
};

/// The account that the service stands in for, and its limits.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Part of every ARN, and `AWS_REGION` of functions. Other regions are "not reachable". Default `us-east-1`.
    pub region: String,
    /// Twelve digits; part of every ARN. Default `000000000000`.
    pub account: String,
    /// Invocations running at once over all functions; reserved concurrency is taken out of it.
    /// Default 1,000. Source: Lambda quotas, "Concurrent executions".
    pub account_concurrency: u32,
    /// How long an environment that does nothing is kept. Default 5 minutes: AWS promises no figure, and people
    /// have measured 5 to 15 minutes.
    pub idle_after: Duration,
    /// From the start of a process until it first asks for work. Default 10 s.
    /// Source: Lambda developer guide, "Understanding the Lambda execution environment lifecycle", Init phase.
    pub init_limit: Duration,
    /// Where this service listens, `http://host:port`: `AWS_ENDPOINT_URL_LAMBDA` of functions, so that those that
    /// call other functions stay here. Default: not set.
    pub endpoint: Option<String>,
    /// Where programs are looked for before Lambda's own directories: the host's `PATH`, so that functions find
    /// the interpreters and tools that their owner has. Default: nothing.
    pub path: OsString,
    /// Whose requests are answered on the socket. Default: everybody's.
    pub signatures: Signatures,
    /// Where asynchronous events are kept, with all that follows from them, whatever happens to this process. Default:
    /// nowhere, and such calls are refused.
    pub events: Option<EventQueue>,
    /// What the waits of asynchronous events are multiplied with: 1 and 2 minutes before a retry, 1 s to 5 minutes for
    /// a place, and the age at which an event is given up (60 s to 6 h). Greater than 0. Default: 1, which is AWS's.
    pub wait_scale: f64,
    /// The ARN that is told how an event has ended, well or badly, where its function's configuration names none for that.
    /// Default: nobody is told.
    pub destination: Option<String>,
    /// Where durable executions are kept. Default: nowhere, and durable functions are not called.
    pub executions: Option<ExecutionStore>,
    /// Where functions are kept that calls deploy. Default: nowhere, and such calls are refused.
    pub deployments: Option<Arc<Deployments>>,
    /// Who watches calls. Default: nobody.
    pub observer: Option<Arc<dyn Observer>>,
}

/// What is asked of those who call on the socket. Calls from within the process are not asked.
#[derive(Clone, Debug, Default)]
pub enum Signatures {
    /// Any signature will do, and so will none: tools send stand-ins.
    #[default]
    Ignored,
    /// AWS Signature Version 4 with this access key, as Lambda asks for it.
    Required(Credentials),
}

impl Settings {
    /// # Errors
    /// What is wrong, for people: these become parts of ARNs and headers.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        let in_region = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if self.region.is_empty() || !self.region.bytes().all(in_region) {
            return Err("the region must be like us-east-1");
        }
        if self.account.len() != ACCOUNT_DIGITS || !self.account.bytes().all(|b| b.is_ascii_digit()) {
            return Err("the account must have 12 digits");
        }
        if !(self.wait_scale > 0.0 && self.wait_scale <= MAX_WAIT_SCALE) {
            return Err("the scale of waits must be greater than 0, and at most 1000");
        }
        Ok(())
    }

    /// Tells whoever watches.
    pub(crate) fn tell(&self, request_id: Uuid, function: &str, step: Step<'_>) {
        if let Some(observer) = &self.observer {
            observer.step(request_id, function, step);
        }
    }

    /// Judges the requests on the socket, where signatures are required.
    pub(crate) fn verifier(&self) -> Option<Verifier> {
        match &self.signatures {
            Signatures::Ignored => None,
            Signatures::Required(credentials) => Some(Verifier {
                credentials: credentials.clone(),
                region: self.region.clone(),
                service: "lambda".to_owned(),
            }),
        }
    }
}

const ACCOUNT_DIGITS: usize = 12;

/// Ours: beyond it, six hours are most of a year.
const MAX_WAIT_SCALE: f64 = 1_000.0;

impl Default for Settings {
    fn default() -> Self {
        Self {
            region: "us-east-1".to_owned(),
            account: "000000000000".to_owned(),
            account_concurrency: 1_000,
            idle_after: Duration::from_mins(5),
            init_limit: Duration::from_secs(10),
            endpoint: None,
            path: OsString::new(),
            signatures: Signatures::Ignored,
            events: None,
            wait_scale: 1.0,
            destination: None,
            executions: None,
            deployments: None,
            observer: None,
        }
    }
}
