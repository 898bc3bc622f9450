//! Spans on their way to an OTLP collector.
//!
//! A request only puts its span into a queue, and where that is full the span is dropped and counted; a task of its
//! own sends batches. Where to, and with which headers, the standard variables `OTEL_*` say, which the exporter reads.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use opentelemetry_otlp::{
    ExporterBuildError, Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _,
};
use opentelemetry_sdk::{
    Resource,
    trace::{SpanData, SpanExporter as _},
};
use stayput_core::Trace;
use tokio::{
    sync::{Notify, mpsc},
    task::JoinHandle,
    time::{Instant, timeout, timeout_at},
};

use super::{
    collector::Collector,
    sampling::{Sampling, SamplingError},
    span,
};
use crate::access_log::Finished;

/// Where spans go.
#[derive(Debug)]
pub struct Traces {
    sampling: Sampling,
    queue: mpsc::Sender<SpanData>,
    dropped: Arc<AtomicU64>,
    ending: Arc<Notify>,
    sender: Mutex<Option<JoinHandle<()>>>,
}

/// Why spans cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum TracesError {
    #[error(transparent)]
    Sampling(#[from] SamplingError),
    #[error("the variables OTEL_EXPORTER_OTLP_* cannot be used")]
    Exporter(#[from] ExporterBuildError),
    #[error("{0} is not http://; spans go to a collector over plain HTTP")]
    Scheme(&'static str),
}

impl Traces {
    /// Begins to send, where an endpoint is set; else `None`. `variable` reads the environment. Needs a runtime.
    ///
    /// # Errors
    /// A variable that cannot be understood.
    pub fn start(variable: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, TracesError> {
        let filled = |name: &str| variable(name).filter(|value| !value.is_empty());
        let Some((name, endpoint)) = ENDPOINTS.iter().find_map(|name| Some((*name, filled(name)?))) else {
            return Ok(None);
        };
        if !endpoint.starts_with("http://") {
            return Err(TracesError::Scheme(name));
        }
        let share = filled("OTEL_TRACES_SAMPLER_ARG");
        let sampling = Sampling::parse(filled("OTEL_TRACES_SAMPLER").as_deref(), share.as_deref())?;
        let builder = SpanExporter::builder().with_http().with_http_client(Collector::new());
        let exporter = builder.with_protocol(Protocol::HttpBinary).build()?;
        Ok(Some(Self::to(exporter, sampling, filled("OTEL_SERVICE_NAME"))))
    }

    fn to(mut exporter: SpanExporter, sampling: Sampling, service: Option<String>) -> Self {
        let service = service.unwrap_or_else(|| "stayput".to_owned());
        exporter.set_resource(&Resource::builder().with_service_name(service).build());
        let (queue, spans) = mpsc::channel(QUEUE_SPANS);
        let (dropped, ending) = (Arc::<AtomicU64>::default(), Arc::<Notify>::default());
        let sending = send(spans, exporter, Arc::clone(&dropped), Arc::clone(&ending));
        Self { sampling, queue, dropped, ending, sender: Mutex::new(Some(tokio::spawn(sending))) }
    }

    /// Settles whether this trace is kept.
    pub(super) fn decide(&self, trace: &mut Trace<'_>) {
        trace.sampled = Some(self.sampling.keeps(trace));
    }

    pub(super) fn record(&self, finished: &Finished<'_>) {
        if finished.trace.sampled == Some(true) && self.queue.try_send(span::of(finished)).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Spans that no collector has taken.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Sends what is left, for [`END_TIMEOUT`] at most. What comes later is dropped.
    pub async fn end(&self) {
        self.ending.notify_one();
        let sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(sender) = sender {
            // What could not be sent in time is lost with the process.
            let _ended = timeout(END_TIMEOUT, sender).await;
        }
    }
}

async fn send(
    mut spans: mpsc::Receiver<SpanData>,
    exporter: SpanExporter,
    dropped: Arc<AtomicU64>,
    ending: Arc<Notify>,
) {
    while let Some(batch) = gather(&mut spans, &ending).await {
        let count = batch.len();
        // The cause may hold the endpoint, and an endpoint a password.
        if let Err(_secret) = exporter.export(batch).await {
            dropped.fetch_add(u64::try_from(count).unwrap_or(u64::MAX), Ordering::Relaxed);
            tracing::warn!(spans = count, "the OTLP collector did not take spans; they are dropped");
        }
    }
}

/// The next batch: full, or [`BATCH_TIME`] after its first span, or what is left. `None` at the end.
async fn gather(spans: &mut mpsc::Receiver<SpanData>, ending: &Notify) -> Option<Vec<SpanData>> {
    let first = tokio::select! {
        first = spans.recv() => first,
        () = ending.notified() => {
            spans.close();
            spans.recv().await
        }
    }?;
    let (mut batch, until) = (vec![first], Instant::now() + BATCH_TIME);
    while batch.len() < BATCH_SPANS {
        let next = tokio::select! {
            next = timeout_at(until, spans.recv()) => next,
            () = ending.notified() => {
                spans.close();
                Ok(spans.recv().await)
            }
        };
        match next {
            Ok(Some(span)) => batch.push(span),
            Ok(None) | Err(_) => break,
        }
    }
    Some(batch)
}

/// Either turns the export on; the stronger first.
const ENDPOINTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];

/// Spans that wait. Source: OpenTelemetry's default of `OTEL_BSP_MAX_QUEUE_SIZE`.
const QUEUE_SPANS: usize = 2_048;

/// Spans of one message. Source: OpenTelemetry's default of `OTEL_BSP_MAX_EXPORT_BATCH_SIZE`.
const BATCH_SPANS: usize = 512;

/// How long a span waits for others. Source: OpenTelemetry's default of `OTEL_BSP_SCHEDULE_DELAY`.
const BATCH_TIME: Duration = Duration::from_secs(5);

/// Ours: as long as running calls have to finish.
const END_TIMEOUT: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests;
