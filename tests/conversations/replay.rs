//! A conversation replayed against the pure core: no sockets, no clock, no runtime.

use std::{
    iter,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use http::Method;
use stayput::deliverer::{self, Undeliverable};
use stayput_core::{
    Call, Dialect, Exchange, Invocation, Outcome, Rejection, Rendered, RenderedBody, Trace,
    admission::{Asynchronous, Desk, recognise},
    callback::{Ticket, When},
    keys::Keyring,
    table::Table,
    token::NONCE_BYTES,
    translate::{
        self,
        stream::{Beginning, Begun, CutShort, Rest},
    },
};
use uuid::Uuid;

use super::{
    conversation::{Conversation, Turn},
    message::{Got, Lambda},
    setup,
    template::{Known, Word},
};

/// Replays every turn with the dialects of `register`.
///
/// # Errors
/// Where the gateway says something else than the file.
pub(crate) fn replay(
    register: &[&dyn Dialect],
    keys: &Keyring,
    table: &Table,
    told: &Conversation,
) -> Result<(), String> {
    let limits = setup::limits();
    let asynchronous = Asynchronous::default();
    let desk = Desk { keys, table, limits: &limits, tokens: None, asynchronous: Some(&asynchronous) };
    told.turns.iter().enumerate().try_for_each(|(index, turn)| {
        let gateway = Gateway { register, desk, id: Uuid::from_u128(FIRST_ID + index as u128) };
        gateway.replay(turn).map_err(|error| format!("{} turn {}: {error}", told.path, index + 1))
    })
}

/// The gateway without its sockets, for one turn.
struct Gateway<'a> {
    register: &'a [&'a dyn Dialect],
    desk: Desk<'a>,
    id: Uuid,
}

impl Gateway<'_> {
    fn replay(&self, turn: &Turn) -> Result<(), String> {
        let head = &turn.request.head;
        let trace = Trace::join(&head.headers, self.id, started());
        let mut exchange = Exchange {
            head,
            id: self.id,
            trace,
            peer: PEER.into(),
            started: started(),
            elapsed: Duration::ZERO,
        };
        let mut known = Known::from([
            (Word::Id, self.id.to_string()),
            (Word::StartNs, started().duration_since(UNIX_EPOCH).expect("after 1970").as_nanos().to_string()),
            (Word::Peer, exchange.peer.to_string()),
        ]);
        let recognised = self
            .register
            .iter()
            .find_map(|dialect| Some((*dialect, recognise(*dialect, &exchange, &self.desk)?)));
        let (dialect, admitted) = recognised.ok_or("no dialect has this route")?;
        let asked = match admitted {
            Ok((call, invocation)) => {
                let answered = self.ask(dialect, &exchange, &call, &invocation, turn, &mut known)?;
                answered.map(|came| (call, came))
            }
            Err(rejection) => not_asked(turn, rejection)?,
        };
        exchange.elapsed = ELAPSED;
        turn.response.check(&answer(dialect, &exchange, asked), &mut known)
    }

    /// From the admitted call to what Lambda's reply means. The outer error is a difference, the inner one a rejection.
    fn ask(
        &self,
        dialect: &dyn Dialect,
        exchange: &Exchange<'_>,
        call: &Call,
        invocation: &Invocation,
        turn: &Turn,
        known: &mut Known,
    ) -> Result<Result<Came, Rejection>, String> {
        let now = exchange.started;
        let _place = match self.desk.limits.admit(&invocation.key, self.desk.keys.len(), now) {
            Ok(place) => place,
            Err(rejection) => return not_asked(turn, rejection),
        };
        let body = turn.request.body.clone();
        let limit = translate::body_limit(invocation);
        if body.len() > limit {
            return not_asked(turn, Rejection::PayloadTooLarge { limit });
        }
        let ticket = Ticket::promise(dialect, exchange, call, invocation);
        let encoded = ticket.and_then(|ticket| {
            let sealed = ticket.map(|ticket| ticket.seal(&super::sealing_keys(), [7; NONCE_BYTES]));
            translate::encode(dialect, exchange, invocation, body, sealed.as_deref())
        });
        let (head, payload) = match encoded {
            Ok(invoke) => invoke,
            Err(rejection) => return not_asked(turn, rejection),
        };
        let (invoke, lambda) = turn.call.as_ref().ok_or("Lambda is asked, and no --- invoke is expected")?;
        invoke.check(&head, &payload, known)?;
        if let Some(end) = &turn.end {
            let record = end.record(&invoke.target, &payload, now + ELAPSED)?;
            let promise = deliverer::read(&record, &super::sealing_keys(), When::Platform, now);
            let callback = match promise {
                Ok(promise) => promise.callback,
                Err(Undeliverable::NotOurs) => None,
                Err(why) => return Err(format!("the end's record: {why}")),
            };
            end.check(
                callback.as_ref().map(|callback| (&callback.headers, &*callback.body)),
                &mut known.clone(),
            )?;
        }
        let Some((head, body)) = lambda.reply(known)? else {
            return Ok(Err(no_reply(lambda, invocation)));
        };
        if translate::is_stream(invocation, &head) {
            return Ok(read_stream(invocation, &body));
        }
        let decoded = translate::decode(invocation, &head, body);
        Ok(decoded.map(|(outcome, body)| Came { outcome, body, is_cut: false }))
    }
}

/// What came back.
struct Came {
    outcome: Outcome,
    body: Bytes,
    /// The answer broke off.
    is_cut: bool,
}

/// A streamed answer, a byte at a time.
fn read_stream(invocation: &Invocation, bytes: &[u8]) -> Result<Came, Rejection> {
    let mut pieces = bytes.chunks(1).map(Bytes::copy_from_slice);
    let mut beginning = Beginning::of(invocation);
    while let Some(mut input) = pieces.next() {
        let Some(Begun { outcome, first, rest }) = beginning.read(&mut input)? else { continue };
        let mut body = first.to_vec();
        let end = rest.map_or(Ok(()), |rest| read_on(rest, iter::once(input).chain(pieces), &mut body));
        return Ok(Came { outcome, body: body.into(), is_cut: end.is_err() });
    }
    Err(Rejection::AnswerLost)
}

fn read_on(mut rest: Rest, pieces: impl Iterator<Item = Bytes>, body: &mut Vec<u8>) -> Result<(), CutShort> {
    for mut input in pieces {
        while let Some(bytes) = rest.read(&mut input)? {
            body.extend_from_slice(&bytes);
        }
    }
    rest.end()
}

fn not_asked<T>(turn: &Turn, rejection: Rejection) -> Result<Result<T, Rejection>, String> {
    match turn.call {
        None => Ok(Err(rejection)),
        Some(_) => Err(format!("an --- invoke is expected, and the call is rejected: {rejection}")),
    }
}

fn no_reply(lambda: &Lambda, invocation: &Invocation) -> Rejection {
    match lambda {
        Lambda::Deadline => {
            let limit_ms =
                u64::try_from(invocation.function.timeout.as_millis()).expect("a timeout of this table");
            Rejection::Deadline { limit_ms }
        }
        Lambda::Unreachable | Lambda::Reply { .. } | Lambda::Stream(_) => Rejection::Unreachable,
    }
}

fn answer(dialect: &dyn Dialect, exchange: &Exchange<'_>, asked: Result<(Call, Came), Rejection>) -> Got {
    let (Rendered { mut head, body }, bytes, is_cut) = match asked {
        Ok((call, Came { outcome, body, is_cut })) => {
            (dialect.render(exchange, &call, &outcome), body, is_cut)
        }
        Err(rejection) => (dialect.reject(exchange, &rejection), Bytes::new(), false),
    };
    exchange.trace.tell_caller(&mut head.headers);
    // As the HTTP server does: of an answer to `HEAD` nothing follows the head.
    let has_body = exchange.head.method != Method::HEAD;
    let body = match body {
        _ if !has_body => Vec::new(),
        RenderedBody::AsIs => bytes.to_vec(),
        RenderedBody::Base64 => base64_simd::STANDARD.encode_to_string(&bytes).into_bytes(),
        RenderedBody::Own(own) => own.to_vec(),
    };
    Got { head, body, is_cut: is_cut && has_body }
}

fn started() -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(1_793_000_000_123)
}

/// The first turn's id; the second's is the next, so that a turn cannot pass with another's.
const FIRST_ID: u128 = 0x01a1_7000_0000_7000_8000_0000_0000_0001;
const ELAPSED: Duration = Duration::from_millis(250);
const PEER: ([u8; 4], u16) = ([127, 0, 0, 1], 50_123);
