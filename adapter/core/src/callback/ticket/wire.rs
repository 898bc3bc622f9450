//! A ticket's bytes, before they are sealed.
//!
//! ```text
//! version (1) │ id (16) │ created, expires (8 each, ms since 1970) │ hops (1) │ key │ dialect │ function │ Lambda
//! function │ qualifier or nothing │ URL │ echoed names and values in turn
//! ```
//!
//! Numbers have their highest byte first; each text has its length before it, in four bytes.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{HeaderMap, HeaderName, HeaderValue};
use lambda_protocol::function::{FunctionRef, Qualifier};
use uuid::Uuid;

use super::Ticket;
use crate::{
    FunctionKey,
    callback::{CallbackUrl, Hops},
};

impl Ticket {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        out.extend_from_slice(self.invocation.as_bytes());
        for time in [self.created, self.expires] {
            let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
            out.extend_from_slice(&milliseconds(since).to_be_bytes());
        }
        out.push(self.hops.0);
        let lambda = self.lambda.to_string();
        let qualifier = self.qualifier.as_ref().map_or("", Qualifier::as_str);
        for text in
            [&self.key, &self.dialect, self.function.as_str(), &lambda, qualifier, self.callback.expose()]
        {
            write(&mut out, text.as_bytes());
        }
        for (name, value) in &self.echo {
            write(&mut out, name.as_str().as_bytes());
            write(&mut out, value.as_bytes());
        }
        out
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        let [VERSION] = take(&mut rest)? else { return None };
        let invocation = Uuid::from_bytes(take(&mut rest)?);
        let [created, expires] = [time(&mut rest)?, time(&mut rest)?];
        let [hops] = take(&mut rest)?;
        let key = text(&mut rest)?.to_owned();
        let dialect = text(&mut rest)?.to_owned();
        let function = FunctionKey::new(text(&mut rest)?);
        let lambda = FunctionRef::parse(text(&mut rest)?).ok()?;
        let qualifier = match text(&mut rest)? {
            "" => None,
            name => Some(Qualifier::parse(name).ok()?),
        };
        let callback = CallbackUrl::read(read(&mut rest)?).ok()?;
        let mut echo = HeaderMap::new();
        while !rest.is_empty() {
            let name = HeaderName::from_bytes(read(&mut rest)?).ok()?;
            echo.try_append(name, HeaderValue::from_bytes(read(&mut rest)?).ok()?).ok()?;
        }
        let hops = Hops(hops);
        Some(Self {
            invocation,
            key,
            dialect,
            function,
            lambda,
            qualifier,
            callback,
            echo,
            created,
            expires,
            hops,
        })
    }
}

pub(super) fn milliseconds(since_1970: Duration) -> u64 {
    u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX)
}

fn write(out: &mut Vec<u8>, text: &[u8]) {
    let len = u32::try_from(text.len()).expect("a ticket's texts are far below 4 GiB");
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(text);
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = rest.split_first_chunk()?;
    *rest = tail;
    Some(*head)
}

fn read<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = usize::try_from(u32::from_be_bytes(take(rest)?)).ok()?;
    let (head, tail) = rest.split_at_checked(len)?;
    *rest = tail;
    Some(head)
}

fn text<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    std::str::from_utf8(read(rest)?).ok()
}

fn time(rest: &mut &[u8]) -> Option<SystemTime> {
    UNIX_EPOCH.checked_add(Duration::from_millis(u64::from_be_bytes(take(rest)?)))
}

const VERSION: u8 = 1;
