//! The loop: take an event from Lambda's Runtime API, hand it on, send the answer. One at a time, on this thread.

use std::{env, process::ExitCode};

use http::Uri;
use lambda_runtime::{
    LambdaEvent, LambdaInvocation, Runtime, Service, service_fn,
    tower::{BoxError, layer::layer_fn},
};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use tracing::{Instrument, Span, instrument::Instrumented};

use crate::{Context, Error, init_logging, panics::caught};

/// A program's whole life around [`serve`]: logging, a Tokio runtime of one thread, an exit code.
pub(crate) fn run(serving: impl Future<Output = Result<(), ServeError>>) -> ExitCode {
    init_logging();
    let served = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(ServeError::Tokio)
        .and_then(|runtime| runtime.block_on(serving));
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{:?}", Error::from(error));
            ExitCode::FAILURE
        }
    }
}

/// Answers invocations until Lambda can no longer be talked to.
pub(crate) async fn serve(
    answer: impl AsyncFn(&RawValue, Context) -> Result<Box<RawValue>, Error>,
) -> Result<(), ServeError> {
    check_environment(|name| env::var(name).ok())?;
    let answer = &answer;
    let service = service_fn(async move |invocation: LambdaEvent<Event>| {
        let (Event(event), context) = invocation.into_parts();
        caught(async { answer(&*event?, context.into()).await }).await
    });
    // `lambda_runtime` writes an `error!` line for each fault. Its own span layer would name the id `requestId` in a
    // span that a log level of `warn` switches off.
    Runtime::new(service).layer(layer_fn(Spanned)).run().await.map_err(ServeError::RuntimeApi)
}

/// Why a program that should serve invocations does not.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Lambda, or its stand-in, sets this variable; so neither of them started the process.
    #[error(
        "{0} is not set or unusable: start the function with `stayput dev`, `cargo lambda watch` or on AWS"
    )]
    NotInLambda(&'static str),
    /// The operating system gave no event queue or no timer.
    #[error("the Tokio runtime could not be started")]
    Tokio(#[source] std::io::Error),
    /// A variable does not say what a durable function must know.
    #[cfg(feature = "durable")]
    #[error("{0}")]
    Setting(String),
    /// Lambda went away, or said what nobody understands.
    #[error("the Runtime API broke off")]
    RuntimeApi(#[source] BoxError),
}

/// The span that an invocation's log lines lie in. Of the highest level, so that no filter takes the id from an error.
pub(crate) fn span(request_id: &str) -> Span {
    tracing::error_span!("invocation", request_id)
}

/// `lambda_runtime` panics where one of these is missing or unusable.
pub(crate) fn check_environment(value: impl Fn(&str) -> Option<String>) -> Result<(), ServeError> {
    let unusable =
        REQUIRED.iter().find(|(name, is_usable)| !value(name).is_some_and(|text| is_usable(&text)));
    match unusable {
        Some((name, _)) => Err(ServeError::NotInLambda(name)),
        None => Ok(()),
    }
}

/// An event's text. Reading it never fails, so that what is no JSON gets our name and not `lambda_runtime`'s.
struct Event(Result<Box<RawValue>, Error>);

impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        let text = Box::<RawValue>::deserialize(json);
        Ok(Self(text.map_err(|error| Error::new(Error::INVALID_EVENT, error.to_string()))))
    }
}

/// Everything that happens to an invocation, `lambda_runtime`'s own log lines too, happens in its span.
pub(crate) struct Spanned<S>(pub(crate) S);

impl<S: Service<LambdaInvocation>> Service<LambdaInvocation> for Spanned<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = Instrumented<S::Future>;

    fn poll_ready(&mut self, task: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), S::Error>> {
        self.0.poll_ready(task)
    }

    fn call(&mut self, invocation: LambdaInvocation) -> Self::Future {
        let span = span(&invocation.context.request_id);
        let answering = span.in_scope(|| self.0.call(invocation));
        answering.instrument(span)
    }
}

pub(crate) const RUNTIME_API: &str = "AWS_LAMBDA_RUNTIME_API";

type Check = fn(&str) -> bool;

/// Source: Lambda developer guide, "Defined runtime environment variables".
const REQUIRED: [(&str, Check); 4] = [
    (RUNTIME_API, |text| text.parse::<Uri>().is_ok_and(|uri| uri.authority().is_some())),
    ("AWS_LAMBDA_FUNCTION_NAME", |_| true),
    ("AWS_LAMBDA_FUNCTION_VERSION", |_| true),
    ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", |text| text.parse::<i32>().is_ok()),
];

#[cfg(test)]
mod tests {
    use super::*;

    const SET: [(&str, &str); 4] = [
        ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001"),
        ("AWS_LAMBDA_FUNCTION_NAME", "stock"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
    ];

    /// `None` takes a variable away.
    #[track_caller]
    fn check(changed: &str, to: Option<&str>, is_usable: bool) {
        let checked = check_environment(|name| {
            let value = SET.iter().find(|(set, _)| *set == name).map(|(_, value)| *value);
            if name == changed { to } else { value }.map(str::to_owned)
        });
        match checked {
            Ok(()) => assert!(is_usable, "{changed} = {to:?} passed"),
            Err(error) => {
                assert!(!is_usable && error.to_string().starts_with(changed), "{changed} = {to:?}: {error}");
            }
        }
    }

    #[test]
    fn a_process_that_lambda_did_not_start_says_so() {
        check("AWS_LAMBDA_RUNTIME_API", Some("169.254.100.1:9001"), true);
        for (name, _) in SET {
            check(name, None, false);
        }
    }

    #[test]
    fn what_lambda_runtime_would_panic_over_is_refused_before() {
        check("AWS_LAMBDA_RUNTIME_API", Some("/path"), false);
        check("AWS_LAMBDA_RUNTIME_API", Some("a b"), false);
        check("AWS_LAMBDA_RUNTIME_API", Some(""), false);
        check("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", Some("much"), false);
    }
}
