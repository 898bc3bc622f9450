//! Altair's `POST /oauth2/token` and `/oauth2/revoke`: a key's holder exchanges it for a token of an hour, and may end it.
//!
//! An endpoint of the gateway's, not a dialect: what is asked for stands in the body, and no function is called. Client id
//! and secret are a registered key, written `id:secret`. Source: Altair's OpenAPI file `login.yaml`, the PyPI client
//! `iots`, RFC 6749 (client credentials, section 4.4; answers and errors, section 5) and RFC 7009 (revocation).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::{Method, Response};
use stayput_core::{
    Blame, Credential, Dialect, Exchange, Rejection,
    admission::{Desk, authenticate},
    dialect::Altair,
    keys::{CredentialHash, Key},
    token::{Claims, NONCE_BYTES, Nonce, Refused, Tokens},
};

use crate::{body::Body, buffer::BufferBudget};

mod answer;
mod form;
pub mod sealing;

use answer::{Answer, Problem};
use form::Form;

/// One of the two routes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Endpoint {
    Token,
    Revoke,
}

impl Endpoint {
    pub fn of(path: &str) -> Option<Self> {
        match path {
            "/oauth2/token" => Some(Self::Token),
            "/oauth2/revoke" => Some(Self::Revoke),
            _ => None,
        }
    }

    /// Reads the request's body and answers it.
    pub async fn serve<B>(
        self,
        exchange: &Exchange<'_>,
        body: &mut B,
        buffers: &BufferBudget,
        desk: &Desk<'_>,
        tokens: &Tokens,
    ) -> (Response<Body>, Option<Blame>)
    where
        B: http_body::Body<Data = Bytes> + Unpin,
        B::Error: std::error::Error + 'static,
    {
        let answer = match self.read(exchange, body, buffers).await {
            Ok((form, nonce)) => self.answer(&form, exchange, desk, tokens, nonce),
            Err(problem) => Err(problem),
        };
        match answer {
            Ok(answer) => (answer.response(), None),
            Err(problem) => (problem.response(exchange), Some(problem.blame())),
        }
    }

    async fn read<B>(
        self,
        exchange: &Exchange<'_>,
        body: &mut B,
        buffers: &BufferBudget,
    ) -> Result<(Form, Nonce), Problem>
    where
        B: http_body::Body<Data = Bytes> + Unpin,
        B::Error: std::error::Error + 'static,
    {
        if exchange.head.method != Method::POST {
            return Err(Problem::Rejected(Rejection::Method { allow: &[Method::POST] }));
        }
        let headers = &exchange.head.headers;
        let (body, _share) =
            buffers.collect(headers, body, MAX_FORM_BYTES).await.map_err(Problem::Rejected)?;
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(|_| Problem::NoRandomness)?;
        Ok((Form::parse(headers, &body)?, nonce))
    }

    fn answer(
        self,
        form: &Form,
        exchange: &Exchange<'_>,
        desk: &Desk<'_>,
        tokens: &Tokens,
        nonce: Nonce,
    ) -> Result<Answer, Problem> {
        let credential = form.client.as_ref().ok_or(Problem::Client { basic: false })?;
        let (peer, now) = (exchange.peer_ip(), exchange.started);
        let key = authenticate(desk, Altair.name(), credential, peer, now).map_err(|rejection| {
            if rejection == Rejection::Unauthenticated {
                Problem::Client { basic: form.basic }
            } else {
                Problem::Rejected(rejection)
            }
        })?;
        match self {
            Self::Token => grant(form, key, credential, tokens, now, nonce),
            Self::Revoke => revoke(form, credential, tokens, now),
        }
    }
}

fn grant(
    form: &Form,
    key: &Key,
    credential: &Credential,
    tokens: &Tokens,
    now: SystemTime,
    nonce: Nonce,
) -> Result<Answer, Problem> {
    match form.grant_type.as_deref() {
        Some("client_credentials") => {}
        Some(_) => return Err(Problem::GrantType),
        None => return Err(Problem::Request("grant_type is missing")),
    }
    // Callers ask for `data thing function`: of what Altair had, functions are what there is.
    if form.scope.as_deref().is_some_and(|scope| scope.split(' ').all(|word| word != SCOPE)) {
        return Err(Problem::Scope);
    }
    let now_s = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let end_s = key
        .valid
        .not_after
        .map_or(u64::MAX, |end| end.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs());
    let expires_in_s = LIFETIME_S.min(end_s.saturating_sub(now_s));
    let claims = Claims {
        key: CredentialHash::of(credential),
        rights: key.rights.clone(),
        expires: UNIX_EPOCH + Duration::from_secs(now_s + expires_in_s),
    };
    Ok(Answer::Token { token: tokens.issue(&claims, nonce), expires_in_s, scope: SCOPE })
}

/// A token that is none, or has ended already, is as good as revoked (RFC 7009 section 2.2).
fn revoke(form: &Form, credential: &Credential, tokens: &Tokens, now: SystemTime) -> Result<Answer, Problem> {
    let token = form.token.as_ref().ok_or(Problem::Request("token is missing"))?.expose();
    match tokens.open(token, now) {
        Ok(claims) if claims.key != CredentialHash::of(credential) => return Err(Problem::Foreign),
        Ok(_) => tokens.revoke(token, now).expect("it has just been opened"),
        Err(Refused::NotOurs | Refused::Ended) => {}
    }
    Ok(Answer::Revoked)
}

/// The only one of Altair's scopes that leads anywhere here.
const SCOPE: &str = "function";

/// Seconds. What `iots` takes for granted where none is told.
const LIFETIME_S: u64 = 3_600;

/// Ours: a hundred times what a request has.
const MAX_FORM_BYTES: usize = 16 << 10;

#[cfg(test)]
mod tests;
