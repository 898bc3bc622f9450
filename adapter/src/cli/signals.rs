//! The end of a long-running command: asked for once, seen by everyone.

use std::{
    future::Future,
    io::{self, IsTerminal as _},
};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
};

/// Ctrl-C or SIGTERM.
#[derive(Debug)]
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// From now on these signals no longer end the process by themselves.
    ///
    /// # Errors
    /// The system refuses to tell us of signals.
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Waits for one of them. Cancel safe.
    pub(super) async fn asked(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// What SIGHUP means to a command that a terminal holds. The terminal sends it when it goes away, operators send it to have
/// the configuration loaded again, and nothing tells the one from the other. Without a terminal it is the operators'.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum OnTerminal {
    Ends,
    #[cfg(feature = "aws")]
    Reloads,
}

/// SIGHUP as the operators', which from now on no longer ends the process; `None`: it ends us.
///
/// # Errors
/// The system refuses to tell us of signals.
pub(super) fn hangups(on_terminal: OnTerminal) -> io::Result<Option<Signal>> {
    let is_operators = match on_terminal {
        OnTerminal::Ends => !io::stdin().is_terminal(),
        #[cfg(feature = "aws")]
        OnTerminal::Reloads => true,
    };
    is_operators.then(|| signal(SignalKind::hangup())).transpose()
}

/// Tells everyone who waits that the end has come. Dropping it tells them too.
#[derive(Debug, Default)]
pub(super) struct Stop(watch::Sender<bool>);

impl Stop {
    /// Ready once the end has come.
    pub(super) fn seen(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut stop = self.0.subscribe();
        async move {
            // An error means that the sender is gone, which is the end as well.
            let _dropped = stop.wait_for(|&stop| stop).await;
        }
    }

    pub(super) fn now(&self) {
        self.0.send_replace(true);
    }
}
