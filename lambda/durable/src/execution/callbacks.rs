//! Callbacks: whoever has a callback's id says how it ends, or that it is still being worked on.

use super::{Effects, Execution};
use crate::{
    error::{ErrorObject, Refusal},
    history::What,
    operation::{Kind, Status},
    time::Moment,
};

/// How a callback ends.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum CallbackEnd {
    Succeeded(String),
    Failed(ErrorObject),
}

impl Execution {
    /// # Errors
    /// There is no such callback, or it is over.
    pub fn end_callback(
        &mut self,
        callback: &str,
        end: CallbackEnd,
        now: Moment,
    ) -> Result<Effects, Refusal> {
        let at = self.open_callback(callback, now)?;
        let mut effects = Effects::default();
        let Kind::Callback { result, error, .. } = &mut self.operations[at].kind else {
            return Err(Refusal::NoCallback);
        };
        let (status, what) = match end {
            CallbackEnd::Succeeded(text) => {
                *result = Some(text);
                (Status::Succeeded, What::CallbackSucceeded)
            }
            CallbackEnd::Failed(failure) => {
                *error = Some(failure);
                (Status::Failed, What::CallbackFailed)
            }
        };
        self.close(at, status, what, &mut effects, now);
        Ok(effects)
    }

    /// A sign of life: the time without one begins anew.
    ///
    /// # Errors
    /// There is no such callback, or it is over.
    pub fn beat(&mut self, callback: &str, now: Moment) -> Result<Effects, Refusal> {
        let at = self.open_callback(callback, now)?;
        if let Kind::Callback { heartbeat_s, heartbeat, .. } = &mut self.operations[at].kind
            && *heartbeat_s > 0
        {
            *heartbeat = Some(now.plus_seconds(*heartbeat_s));
        }
        // Nothing that the function would have to know.
        Ok(Effects { operations: vec![at], ..Effects::default() })
    }

    fn open_callback(&self, wanted: &str, now: Moment) -> Result<usize, Refusal> {
        let is_it = |kind: &Kind| matches!(kind, Kind::Callback { callback, .. } if callback == wanted);
        let at = self.operations.iter().position(|operation| is_it(&operation.kind));
        let at = at.ok_or(Refusal::NoCallback)?;
        if self.end.is_some() || self.operations[at].status_at(now).is_over() {
            return Err(Refusal::CallbackClosed);
        }
        Ok(at)
    }
}
