//! The gateway as a Lambda function behind a function URL: the same gateway, whose callers come in as events and whose answers
//! go out as streams.
//!
//! There is no admin listener, as nobody could reach it, and nothing is left to be done after an answer: Lambda stops the
//! process in that moment, and perhaps for good.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures_core::Stream;
use http::{HeaderMap, HeaderValue, Request};
use http_body::{Body as _, Frame};
use http_body_util::Full;
use lambda_protocol::invoke::X_AMZN_TRACE_ID;
use stayput_core::{
    DIALECTS,
    admission::Asynchronous,
    limits::Limits,
    token::{SealingKeys, Tokens},
};
use stayput_runtime::{Error, SourceIp};

use super::{Callbacks, ConfigOptions, Failure, logging, take_rules, unreachable};
use crate::{
    acceptance::Acceptance,
    access_log::AccessLog,
    aws::Account,
    body::Body,
    buffer::BufferBudget,
    cli::{Exit, by_lambda::Basis},
    config::{Config, Flag},
    gateway::Gateway,
    ledger::Ledger,
    metrics::Metrics,
    rules::{LiveRules, Rules},
    telemetry::Telemetry,
};

/// Answers events until Lambda has no more.
///
/// # Errors
/// What is wrong with the configuration; neither AWS nor Lambda's Runtime API can be talked to.
pub(super) async fn run(options: &ConfigOptions, flags: Vec<Flag>) -> Result<Exit, Failure> {
    let Basis { mut config, account, keys } = Basis::find(options, flags).await?;
    let rules = take_rules(&mut config)?;
    let _level_stays = logging::start(&config.gateway)?;
    let gateway = gateway(&config, rules, keys, &account).await?;
    let handler = async |mut request: Request<Bytes>, invocation: stayput_runtime::Context| {
        let peer = peer(&request);
        continue_trace(request.headers_mut(), invocation.trace.as_deref());
        let response = gateway.serve(request.map(Full::new), peer).await;
        let log = Arc::clone(&gateway.telemetry.log);
        Ok::<_, Error>(response.map(|body| Pieces { body: Some(body), log }))
    };
    tokio::select! {
        served = stayput_runtime::serve_http_stream(handler) => {
            served.map_err(|cause| Failure::unreachable("Lambda cannot be talked to").because(&cause))?;
        }
        () = account.upkeep() => {}
    }
    Ok(Exit::Done)
}

async fn gateway(
    config: &Config,
    rules: Rules,
    keys: Option<SealingKeys>,
    account: &Account,
) -> Result<Gateway, Failure> {
    let log = AccessLog::unattended(config.gateway.log_format);
    let telemetry = Telemetry::new(Arc::new(Metrics::new(&rules.table)), Arc::new(log));
    let (backend, _) = account.lambda().await.map_err(|cause| unreachable(&cause))?;
    // Without either, nothing would be remembered from one environment to the next.
    let shared = config.aws.ledger.as_ref().zip(keys.clone());
    let acceptance = match shared {
        Some((table, keys)) => Some(acceptance(config, table, keys, account, &telemetry).await?),
        None => None,
    };
    Ok(Gateway {
        dialects: DIALECTS,
        rules: LiveRules::new(rules).into(),
        backend,
        buffers: BufferBudget::new(config.gateway.buffered_bytes),
        limits: Limits::new(config.gateway.concurrency),
        tokens: keys.map(Tokens::new),
        acceptance,
        telemetry,
    })
}

async fn acceptance(
    config: &Config,
    table: &str,
    keys: SealingKeys,
    account: &Account,
    telemetry: &Telemetry,
) -> Result<Acceptance, Failure> {
    let ledger = Ledger::new(Arc::new(account.table(table).await.map_err(|cause| unreachable(&cause))?));
    let figures = telemetry.metrics.callbacks.clone();
    let callbacks = Callbacks::find(account, &config.callback, ledger.clone(), keys.clone(), figures).await;
    let callbacks = callbacks.map_err(|cause| unreachable(&cause))?;
    let (rules, destinations) = match callbacks {
        Some(callbacks) => {
            let destinations = callbacks.destinations(account).await.map_err(|cause| unreachable(&cause))?;
            (config.callback.rules(config.callback.policy()), Some(destinations))
        }
        None => (Asynchronous { callbacks: None, ..Asynchronous::default() }, None),
    };
    let patience = Some(config.callback.outcome_after);
    Ok(Acceptance { rules, keys, ledger, patience, destinations })
}

/// Whoever has called the function's URL.
fn peer(request: &Request<Bytes>) -> SocketAddr {
    let told = request.extensions().get::<SourceIp>().and_then(|ip| ip.0.parse().ok());
    SocketAddr::new(told.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)), 0)
}

/// What the event says of the trace is what its caller may know. Whoever is called from here hangs from this invocation, and only
/// Lambda's own word to it has the lineage by which calls that go in circles are found.
fn continue_trace(headers: &mut HeaderMap, of_invocation: Option<&str>) {
    if let Some(trace) = of_invocation.and_then(|trace| HeaderValue::from_str(trace).ok()) {
        headers.insert(X_AMZN_TRACE_ID, trace);
    }
}

/// An answer's body as the runtime takes it. The request's line in the log is written before its end is told.
struct Pieces {
    /// `None`: its end has come.
    body: Option<Body>,
    log: Arc<AccessLog>,
}

impl Pieces {
    fn end(&mut self) {
        // The body first: a stream's line is made when it goes.
        if self.body.take().is_some() {
            self.log.write_now(&mut io::stderr());
        }
    }
}

impl Drop for Pieces {
    fn drop(&mut self) {
        self.end();
    }
}

impl Stream for Pieces {
    type Item = Result<Bytes, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let Some(body) = &mut self.body else { return Poll::Ready(None) };
            let frame = ready!(Pin::new(body).poll_frame(cx));
            match frame.map(|frame| frame.map(Frame::into_data)) {
                None => self.end(),
                Some(Ok(Ok(bytes))) => return Poll::Ready(Some(Ok(bytes))),
                Some(Ok(Err(_trailers))) => {}
                Some(Err(cut)) => {
                    self.end();
                    return Poll::Ready(Some(Err(cut.into())));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(of_event: Option<&'static str>, of_invocation: Option<&str>, expected: Option<&str>) {
        let mut headers = HeaderMap::new();
        headers.extend(of_event.map(|trace| (X_AMZN_TRACE_ID, HeaderValue::from_static(trace))));
        continue_trace(&mut headers, of_invocation);
        let traces: Vec<_> = headers.get_all(X_AMZN_TRACE_ID).iter().collect();
        assert_eq!(traces, Vec::from_iter(expected), "{of_event:?} {of_invocation:?}");
    }

    #[test]
    fn the_invocations_own_trace_stands_in_the_events_place() {
        let whole =
            "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0;Lineage=1:a:0";
        check(Some("Root=1-5759e988-bd862e3fe1be46a994272793"), Some(whole), Some(whole));
        check(None, Some(whole), Some(whole));
    }

    #[test]
    fn an_invocation_without_a_trace_leaves_the_events() {
        check(
            Some("Root=1-5759e988-bd862e3fe1be46a994272793"),
            None,
            Some("Root=1-5759e988-bd862e3fe1be46a994272793"),
        );
        check(None, None, None);
        check(Some("Root=1"), Some("\n"), Some("Root=1"));
    }
}
