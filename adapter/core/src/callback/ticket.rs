//! The ticket: the promise of a callback, sealed into the event that it is about.
//!
//! Lambda copies the event into the destination record, and whoever may invoke the function can write an event: so a
//! ticket counts only if it opens, and only for the function and the call that it was made for.

use std::time::{Duration, SystemTime};

use http::HeaderMap;
use lambda_protocol::{
    destination::DestinationRecord,
    function::{FunctionRef, Qualifier},
    http_event::{MAX_TICKET_BYTES, Ticketed},
};
use uuid::Uuid;

use super::{CallbackUrl, Hops};
use crate::{
    Call, Dialect, Exchange, FunctionKey, Invocation, Rejection,
    token::{Nonce, SealingKeys},
};

mod wire;

/// A callback that was promised: to whom, for which call, and what it must repeat.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ticket {
    /// Our id of the call; the callback's `webhook-id`.
    pub invocation: Uuid,
    /// The label of the caller's key: whose signing secret it is.
    pub key: String,
    pub dialect: String,
    /// The function as the caller named it.
    pub function: FunctionKey,
    pub lambda: FunctionRef,
    pub qualifier: Option<Qualifier>,
    pub callback: CallbackUrl,
    /// Fields of the request that the callback repeats or goes by: what [`Dialect::echo`] picked.
    pub echo: HeaderMap,
    /// To the millisecond, as `expires`.
    pub created: SystemTime,
    pub expires: SystemTime,
    pub hops: Hops,
}

/// Why a ticket counts for nothing.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TicketError {
    #[error("the ticket was not sealed with any of this gateway's keys")]
    NotOurs,
    #[error("the ticket has expired")]
    Expired,
}

/// Why a ticket that opens is not this record's.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Mismatch {
    #[error("the ticket is for another function")]
    Function,
    #[error("the ticket is for another call")]
    Call,
}

/// Why a record with a ticket is not acted upon: kept for the operator, and nothing is dialled.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Counterfeit {
    #[error(transparent)]
    Ticket(#[from] TicketError),
    #[error(transparent)]
    Mismatch(#[from] Mismatch),
}

impl Ticket {
    /// What an admitted call is promised; `None`: it asked for no callback.
    ///
    /// # Errors
    /// [`Rejection::Loop`]; [`Rejection::Malformed`] where what is to be repeated leaves no room in the ticket.
    pub fn promise(
        dialect: &dyn Dialect,
        exchange: &Exchange<'_>,
        call: &Call,
        invocation: &Invocation,
    ) -> Result<Option<Self>, Rejection> {
        let Some(callback) = &invocation.callback else { return Ok(None) };
        let created = to_the_millisecond(exchange.started);
        let ticket = Self {
            invocation: exchange.id,
            key: invocation.key.label.clone(),
            dialect: dialect.name().to_owned(),
            function: call.function.clone(),
            lambda: invocation.function.lambda.clone(),
            qualifier: invocation.function.qualifier.clone(),
            callback: callback.clone(),
            echo: dialect.echo(exchange),
            created,
            expires: created + if invocation.function.durable { EXECUTION_MAX + LIFETIME } else { LIFETIME },
            hops: Hops::of(&exchange.head.headers).next()?,
        };
        if ticket.encode().len() > MAX_PLAIN_BYTES {
            let reason = "the callback's URL and the headers that it repeats are too long together";
            return Err(Rejection::Malformed(reason.to_owned()));
        }
        Ok(Some(ticket))
    }

    /// The ticket as it lies in the event: base64 of the URL-safe kind. `nonce` must be random.
    pub fn seal(&self, keys: &SealingKeys, nonce: Nonce) -> String {
        base64_simd::URL_SAFE_NO_PAD.encode_to_string(keys.seal(&self.encode(), PURPOSE, nonce))
    }

    /// # Errors
    /// It does not count.
    pub fn open(text: &str, keys: &SealingKeys, now: SystemTime) -> Result<Self, TicketError> {
        if text.len() > MAX_TICKET_BYTES {
            return Err(TicketError::NotOurs);
        }
        let sealed = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(text).map_err(|_| TicketError::NotOurs)?;
        let (plain, _) = keys.open(&sealed, PURPOSE).ok_or(TicketError::NotOurs)?;
        let ticket = Self::decode(&plain).ok_or(TicketError::NotOurs)?;
        if ticket.expires <= now { Err(TicketError::Expired) } else { Ok(ticket) }
    }

    /// The ticket in a record's event; `None`: there is none, so the record is nobody's mistake and not ours.
    ///
    /// # Errors
    /// There is one, and it does not count.
    pub fn of_record(
        record: &DestinationRecord<'_>,
        keys: &SealingKeys,
        now: SystemTime,
    ) -> Result<Option<Self>, Counterfeit> {
        let Some(event) = Ticketed::find(record.request_payload) else { return Ok(None) };
        let ticket = Self::open(&event.ticket, keys, now)?;
        ticket.check(record, &event)?;
        Ok(Some(ticket))
    }

    /// Is it the ticket of the call that this record is about? `event` is what was read of the record's own event.
    ///
    /// # Errors
    /// It lay in another function's event, or in another call's.
    fn check(&self, record: &DestinationRecord<'_>, event: &Ticketed<'_>) -> Result<(), Mismatch> {
        let ran = FunctionRef::parse(&record.function_arn).map_err(|_| Mismatch::Function)?;
        let is_named = |ticket: &Option<String>, ran: &Option<String>| ticket.is_none() || ticket == ran;
        let asked = self.qualifier.as_ref().or(self.lambda.qualifier.as_ref());
        let latest = Qualifier::latest();
        if ran.name != self.lambda.name
            || ran.qualifier.as_ref().unwrap_or(&latest) != asked.unwrap_or(&latest)
            || !is_named(&self.lambda.region, &ran.region)
            || !is_named(&self.lambda.account, &ran.account)
        {
            return Err(Mismatch::Function);
        }
        let id = self.invocation.to_string();
        if event.request_id.as_deref() == Some(&*id) { Ok(()) } else { Err(Mismatch::Call) }
    }
}

fn to_the_millisecond(time: SystemTime) -> SystemTime {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    SystemTime::UNIX_EPOCH + Duration::from_millis(wire::milliseconds(since))
}

/// How long a ticket counts. Ours: as long as SQS keeps a message at most.
pub const LIFETIME: Duration = Duration::from_hours(14 * 24);

/// How long a durable execution may take at most: 366 days. Source: Lambda's service model, `ExecutionTimeout`.
pub const EXECUTION_MAX: Duration = Duration::from_hours(366 * 24);

/// What is sealed as a ticket opens as nothing else.
const PURPOSE: &[u8] = b"stayput callback ticket 1";

/// Sealed and as base64 this is [`MAX_TICKET_BYTES`]: 44 bytes are the seal's.
const MAX_PLAIN_BYTES: usize = MAX_TICKET_BYTES / 4 * 3 - 44;

#[cfg(test)]
mod tests;
