//! A Lambda that says what a conversation tells it to.

use std::{future::pending, sync::Mutex};

use bytes::Bytes;
use http::request;
use stayput::backend::{BackendError, BackendFuture, LambdaBackend, Reply, ReplyBody};

use super::{
    message::{ExpectedInvoke, Lambda},
    template::{Known, Word},
};

/// A Lambda that expects one call at a time and answers as it is told.
#[derive(Debug, Default)]
pub(crate) struct ToldLambda(Mutex<Told>);

/// What is expected, and what came of it.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// Gone once it has been asked for.
    pub(crate) call: Option<(ExpectedInvoke, Lambda)>,
    pub(crate) known: Known,
    pub(crate) difference: Option<String>,
}

impl ToldLambda {
    pub(crate) fn expect(&self, call: Option<(ExpectedInvoke, Lambda)>, known: Known) {
        *self.0.lock().expect("no holder panics") = Told { call, known, difference: None };
    }

    pub(crate) fn take(&self) -> Told {
        std::mem::take(&mut self.0.lock().expect("no holder panics"))
    }

    /// What to answer; `None`: nothing, ever.
    pub(crate) fn answer(
        &self,
        head: &request::Parts,
        payload: &[u8],
    ) -> Option<Result<Reply, BackendError>> {
        self.say(|expected, known| expected.check(head, payload, known))
    }

    /// The same where a function asks, who sees no more of the Invoke than its event.
    pub(crate) fn answer_function(
        &self,
        request_id: String,
        event: &[u8],
    ) -> Option<Result<Reply, BackendError>> {
        self.say(|expected, known| {
            known.insert(Word::Id, request_id);
            expected.check_event(event, known)
        })
    }

    /// Something else than what was expected has come.
    pub(crate) fn differs(&self, difference: String) -> BackendError {
        self.0.lock().expect("no holder panics").difference = Some(difference);
        nobody()
    }

    fn say(
        &self,
        check: impl FnOnce(&ExpectedInvoke, &mut Known) -> Result<(), String>,
    ) -> Option<Result<Reply, BackendError>> {
        let mut told = self.0.lock().expect("no holder panics");
        let Some((expected, lambda)) = told.call.take() else {
            told.difference = Some("Lambda is asked, and no --- invoke is expected".to_owned());
            return Some(Err(nobody()));
        };
        let known = &mut told.known;
        match check(&expected, known).and_then(|()| lambda.reply(known)) {
            Ok(Some((head, body))) => Some(Ok(Reply { head, body: ReplyBody::Whole(body) })),
            Ok(None) => match lambda {
                Lambda::Deadline => None,
                Lambda::Unreachable | Lambda::Reply { .. } | Lambda::Stream(_) => Some(Err(nobody())),
            },
            Err(difference) => {
                told.difference = Some(difference);
                Some(Err(nobody()))
            }
        }
    }
}

impl LambdaBackend for ToldLambda {
    fn call(&self, head: request::Parts, payload: Bytes) -> BackendFuture<'_> {
        Box::pin(async move {
            match self.answer(&head, &payload) {
                Some(answer) => answer,
                None => pending().await,
            }
        })
    }
}

fn nobody() -> BackendError {
    BackendError::Unreachable("nobody listens".into())
}
