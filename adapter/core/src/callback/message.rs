//! What is sent: the callback's head and body, as the dialect words it.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::{Ended, Ticket, WEBHOOK_ID};
use crate::{Dialect, Rendered, RenderedBody, headers};

/// The end of a promised call. A dialect may read all of it.
#[derive(Clone, Copy, Debug)]
pub struct Ending<'a> {
    pub ticket: &'a Ticket,
    pub ended: &'a Ended,
    /// From acceptance to the end; Lambda does not tell how much of it the function ran.
    pub elapsed: Duration,
    pub when: When,
}

/// Of which ends a caller is told. The setting `callback` of dialects whose platform was silent about some.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum When {
    /// As on the platform.
    #[default]
    Platform,
    /// Of all.
    Always,
}

/// A callback, ready to be sent with `POST` to the ticket's URL. `Host` and the framing are the connection's, the
/// signature is the attempt's.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Callback {
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// What a dialect says of an end: its fields, and where the body comes from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Told {
    pub headers: HeaderMap,
    pub body: RenderedBody,
}

/// The callback for a call that ended so. `body` is the function's. `None`: none is due for such an end.
pub fn render(dialect: &dyn Dialect, ending: &Ending<'_>, body: Bytes) -> Option<Callback> {
    let Told { mut headers, body: told } = dialect.callback(ending)?;
    let ticket = ending.ticket;
    let id = HeaderValue::try_from(ticket.invocation.to_string()).expect("a UUID is a header value");
    headers.insert(X_FUNCTION_STATUS, ending.ended.status().as_u16().into());
    headers.insert(header::USER_AGENT, USER_AGENT);
    headers.insert(WEBHOOK_ID, id);
    headers.extend([ticket.hops.field()]);
    headers.extend(ticket.callback.authorization().map(|field| (header::AUTHORIZATION, field)));
    let body = match told {
        RenderedBody::AsIs => body,
        RenderedBody::Base64 => base64_simd::STANDARD.encode_type::<Vec<u8>>(&body).into(),
        RenderedBody::Own(own) => own,
    };
    Some(Callback { headers, body })
}

impl Told {
    /// The function's body, with those of its fields that may be sent to a stranger.
    pub(crate) fn answer(fields: &HeaderMap) -> Self {
        Self { headers: headers::for_callback(fields), body: RenderedBody::AsIs }
    }

    /// What a caller who waited would have got.
    pub(crate) fn rendered(rendered: Rendered) -> Self {
        Self { headers: rendered.head.headers, body: rendered.body }
    }

    /// Sets a field, whatever it was before, if there is a value for it.
    pub(crate) fn with(mut self, name: HeaderName, value: Option<HeaderValue>) -> Self {
        if let Some(value) = value {
            self.headers.insert(name, value);
        }
        self
    }
}

const X_FUNCTION_STATUS: HeaderName = HeaderName::from_static("x-function-status");
const USER_AGENT: HeaderValue = HeaderValue::from_static("stayput");

#[cfg(test)]
mod tests;
