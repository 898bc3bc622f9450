//! A panic in a handler is that invocation's fault, and no reason to end the process.

use std::{
    any::Any,
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    task::Poll,
};

use crate::Error;

/// Runs `work`; if it panics, that is its error. The panic hook has then already printed message and place.
pub(crate) async fn caught<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let mut work = pin!(work);
    poll_fn(|task| guarded(|| work.as_mut().poll(task)).unwrap_or_else(|panic| Poll::Ready(Err(panic)))).await
}

/// One step of the handler's work; if it panics, that is its error, and there must be no further step.
pub(crate) fn guarded<T>(step: impl FnOnce() -> T) -> Result<T, Error> {
    // What the handler borrowed may be half changed when it panics. It is the handler's own, as in a thread that
    // panics while others look on.
    catch_unwind(AssertUnwindSafe(step)).map_err(|panic| Error::new(Error::PANIC, text(&*panic)))
}

fn text(panic: &(dyn Any + Send)) -> String {
    match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => (*text).to_owned(),
        (None, Some(text)) => text.clone(),
        (None, None) => "the handler panicked without a message".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::panic::panic_any;

    use super::*;

    #[track_caller]
    fn check(handler: impl AsyncFn() -> Result<(), Error>, message: &str) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let error = runtime.block_on(caught(handler())).unwrap_err();
        assert_eq!(error, Error::new(Error::PANIC, message));
    }

    #[test]
    fn the_panics_message_is_the_faults() {
        check(async || panic!("boom"), "boom");
        check(async || panic!("boom {}", 7), "boom 7");
        check(async || panic_any(7), "the handler panicked without a message");
    }

    #[test]
    fn a_panic_after_a_pause_is_caught_too() {
        let handler = async || {
            tokio::task::yield_now().await;
            panic!("late")
        };
        check(handler, "late");
    }
}
