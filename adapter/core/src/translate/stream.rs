//! A streamed answer, taken apart as it comes: how it begins decides the outcome, and what follows is its body.
//!
//! Bytes are held only until it is known how the answer begins. A fault before that is an outcome like any other; one
//! after it can only break the answer off.

use bytes::Bytes;
use http::HeaderMap;
use lambda_protocol::{
    event_stream::{Decoder, EventStreamError, InvokeComplete, Piece},
    fault::{Fault, FaultKind},
    http_stream::{HttpStreamHead, Opened, Opening},
    invoke::InvokeReply,
};

use crate::{Answer, Failure, Outcome, Rejection, headers};

/// The beginning of an answer, while it is not known how it begins.
#[derive(Debug, Default)]
pub struct Beginning {
    frames: Decoder,
    opening: Opening,
}

/// A beginning that is known.
#[derive(Debug)]
pub struct Begun {
    pub outcome: Outcome,
    /// The first bytes that answer the caller; of a fault, its payload.
    pub first: Bytes,
    /// `None`: there are no more.
    pub rest: Option<Rest>,
}

/// The rest of an answer.
#[derive(Debug)]
pub struct Rest {
    frames: Decoder,
    is_over: bool,
}

/// Why an answer that has begun cannot be finished.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CutShort {
    /// The function failed; Lambda's word for it.
    #[error("the function failed after its answer had begun ({code})")]
    Function { code: String },
    /// Lambda failed; its word for it.
    #[error("the Lambda service failed after the answer had begun ({code})")]
    Service { code: String },
    #[error("the Lambda service's answer cannot be read: {0}")]
    Stream(#[from] EventStreamError),
}

impl Beginning {
    /// Reads on from the front of `input`. `None`: more has to come.
    ///
    /// # Errors
    /// There is no outcome.
    pub fn read(&mut self, input: &mut Bytes) -> Result<Option<Begun>, Rejection> {
        while let Some(piece) = self.frames.decode(input).map_err(|_| Rejection::AnswerLost)? {
            let begun = match piece {
                Piece::Payload(bytes) => match self.opening.read(bytes).map_err(bad_answer)? {
                    None => continue,
                    Some(Opened::Head { head, rest }) => self.begun(head, rest, false)?,
                    Some(Opened::Raw(bytes)) => self.begun(HttpStreamHead::of_raw_bytes(), bytes, false)?,
                },
                Piece::Complete(InvokeComplete { error_code: Some(code), error_details, .. }) => {
                    self.faulted(code, error_details)
                }
                Piece::Complete(InvokeComplete { error_code: None, .. }) => {
                    let bytes = std::mem::take(&mut self.opening).end();
                    self.begun(HttpStreamHead::of_raw_bytes(), bytes, true)?
                }
                Piece::Exception { .. } => return Err(Rejection::BackendFailed),
            };
            return Ok(Some(begun));
        }
        Ok(None)
    }

    fn begun(&mut self, head: HttpStreamHead, first: Bytes, is_over: bool) -> Result<Begun, Rejection> {
        let headers: HeaderMap = headers::from_function(head.headers).map_err(bad_answer)?;
        let outcome = Outcome::Returned(Answer { status: head.status, headers, log_result: None });
        let rest = (!is_over).then(|| Rest { frames: std::mem::take(&mut self.frames), is_over });
        Ok(Begun { outcome, first, rest })
    }

    fn faulted(&mut self, code: String, details: Option<String>) -> Begun {
        let payload = details.unwrap_or_default();
        let mut fault = Fault::decode(payload.as_bytes());
        if fault.error_type.is_none() {
            fault.error_type = Some(code);
        }
        if fault.error_message.is_none() {
            fault.error_message = Some(payload.clone()).filter(|text| !text.is_empty());
        }
        let kind = fault.kind();
        let function_error = InvokeReply::UNHANDLED;
        let outcome = Outcome::Faulted(Failure { function_error, kind, fault, log_result: None });
        Begun { outcome, first: payload.into(), rest: None }
    }
}

impl Rest {
    /// The next bytes for the caller, from the front of `input`. `None`: `input` is used up.
    ///
    /// # Errors
    /// The answer is not whole, and must not look so.
    pub fn read(&mut self, input: &mut Bytes) -> Result<Option<Bytes>, CutShort> {
        match self.frames.decode(input)? {
            None => Ok(None),
            Some(Piece::Payload(bytes)) => Ok(Some(bytes)),
            Some(Piece::Complete(InvokeComplete { error_code: None, .. })) => {
                self.is_over = true;
                Ok(None)
            }
            Some(Piece::Complete(InvokeComplete { error_code: Some(code), .. })) => {
                Err(CutShort::Function { code })
            }
            Some(Piece::Exception { code, .. }) => Err(CutShort::Service { code }),
        }
    }

    /// Has the last event come? Nothing of the answer follows it.
    pub fn is_over(&self) -> bool {
        self.is_over
    }

    /// # Errors
    /// The input has ended before the answer.
    pub fn end(&self) -> Result<(), CutShort> {
        Ok(self.frames.end()?)
    }
}
