//! The client's side.

use std::time::SystemTime;

use http::{
    HeaderName, HeaderValue,
    header::{AUTHORIZATION, CONTENT_TYPE, HOST},
    request,
};

use super::{
    ALGORITHM, AmzDate, Credentials, PayloadHash, SigningKey, X_AMZ_CONTENT_SHA256, X_AMZ_DATE,
    X_AMZ_SECURITY_TOKEN, canonical::Canonical, hex,
};
use crate::invoke::{X_AMZ_CLIENT_CONTEXT, X_AMZ_INVOCATION_TYPE, X_AMZ_LOG_TYPE, X_AMZN_TRACE_ID};

/// Signs requests with one derived key. Made anew when [`is_for`](Self::is_for) says that its day is over.
#[derive(Clone, Debug)]
pub struct Signer {
    key: SigningKey,
    session_token: Option<HeaderValue>,
    signed: SignedHeaders,
    /// `AWS4-HMAC-SHA256 Credential=…/scope, SignedHeaders=`
    opening: String,
}

/// The names of headers that are signed where a request has them: sorted, each once.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SignedHeaders(Vec<HeaderName>);

impl Signer {
    /// `key` is derived from the secret of `credentials`.
    pub fn new(credentials: &Credentials, key: SigningKey, signed: SignedHeaders) -> Self {
        let (id, scope) = (credentials.access_key_id(), key.scope());
        let opening = format!("{ALGORITHM} Credential={id}/{scope}, SignedHeaders=");
        Self { key, session_token: credentials.session_token().cloned(), signed, opening }
    }

    /// Can a request of `now` be signed? Else a signer with the key of today is needed.
    pub fn is_for(&self, now: SystemTime) -> bool {
        self.key.is_for(now)
    }

    /// Sets `x-amz-date`, `authorization` and, for temporary credentials, `x-amz-security-token`, whatever they were
    /// before; `x-amz-content-sha256` only if it is among the signed names. `host` must be there already, as it goes
    /// out. Nothing that is signed may change afterwards.
    pub fn sign(&self, head: &mut request::Parts, payload_hash: &PayloadHash, now: SystemTime) {
        debug_assert!(self.is_for(now), "the key's day is over");
        debug_assert!(head.headers.contains_key(HOST), "AWS asks that the host is signed");
        let date = AmzDate::at(now).text();
        let headers = &mut head.headers;
        headers.insert(X_AMZ_DATE, ascii(&date));
        if let Some(token) = &self.session_token {
            headers.insert(X_AMZ_SECURITY_TOKEN, token.clone());
        }
        if self.signed.0.contains(&X_AMZ_CONTENT_SHA256) {
            headers.insert(X_AMZ_CONTENT_SHA256, ascii(&hex::encode(payload_hash)));
        }
        let authorization = self.authorization(head, payload_hash, &date);
        head.headers.insert(AUTHORIZATION, authorization);
    }

    fn authorization(
        &self,
        head: &request::Parts,
        payload_hash: &PayloadHash,
        date: &[u8; 16],
    ) -> HeaderValue {
        let mut text = Vec::with_capacity(self.opening.len() + self.signed.list_bytes() + CLOSING.len() + 64);
        text.extend_from_slice(self.opening.as_bytes());
        let mut canonical = Canonical::start(head.method.as_str(), &head.uri);
        for name in self.signed.0.iter().filter(|name| head.headers.contains_key(*name)) {
            canonical.header(name, &head.headers);
            if text.len() > self.opening.len() {
                text.push(b';');
            }
            text.extend_from_slice(name.as_str().as_bytes());
        }
        let request_hash = canonical.finish(&text[self.opening.len()..], payload_hash);
        text.extend_from_slice(CLOSING);
        text.extend_from_slice(&hex::encode(&self.key.sign(date, &request_hash)));
        let mut value = HeaderValue::from_maybe_shared(bytes::Bytes::from(text)).expect("all of it is ASCII");
        value.set_sensitive(true);
        value
    }
}

impl SignedHeaders {
    /// `names`, and besides them the host, the date and the token, without which a signature is refused.
    pub fn new(names: impl IntoIterator<Item = HeaderName>) -> Self {
        let mut names: Vec<_> = names.into_iter().chain([HOST, X_AMZ_DATE, X_AMZ_SECURITY_TOKEN]).collect();
        names.sort_unstable_by(|one, other| one.as_str().cmp(other.as_str()));
        names.dedup();
        Self(names)
    }

    /// What an `Invoke` can have that AWS asks to be signed, the content type, and the trace: Lambda goes on with one
    /// that came signed. The request's id is left out: proxies change it.
    pub fn of_invoke() -> Self {
        Self::new([
            CONTENT_TYPE,
            X_AMZ_CLIENT_CONTEXT,
            X_AMZ_INVOCATION_TYPE,
            X_AMZ_LOG_TYPE,
            X_AMZN_TRACE_ID,
        ])
    }

    /// Most that the list can take with its separators.
    fn list_bytes(&self) -> usize {
        self.0.iter().map(|name| name.as_str().len() + 1).sum()
    }
}

const CLOSING: &[u8] = b", Signature=";

fn ascii(text: &[u8]) -> HeaderValue {
    HeaderValue::from_bytes(text).expect("ASCII digits and letters")
}
