//! Who is calling?

use std::{net::IpAddr, sync::Arc, time::SystemTime};

use super::Desk;
use crate::{
    Credential, Dialect, Exchange, Rejection,
    keys::{CredentialHash, Key, Right, entropy_bits},
    limits::Source,
    token::{self, Claims},
};

/// Who is calling, by a key or by a token that was given out for one.
#[derive(Clone, Debug)]
pub struct Caller<'k> {
    pub key: &'k Arc<Key>,
    token: Option<Claims>,
}

impl<'k> Caller<'k> {
    pub(super) fn identify(
        dialect: &dyn Dialect,
        exchange: &Exchange<'_>,
        desk: &Desk<'k>,
    ) -> Result<Self, Rejection> {
        let (name, peer, now) = (dialect.name(), exchange.peer_ip(), exchange.started);
        let Some(credential) = dialect.credential(exchange.head) else {
            // Nobody guesses by presenting nothing: devices probe a URL that way before they call it.
            let key = desk.keys.anonymous(name, peer, now).ok_or(Rejection::Unauthenticated)?;
            return Ok(Self { key, token: None });
        };
        if let Some(tokens) = desk.tokens.filter(|_| dialect.takes_tokens() && token::is_token(&credential)) {
            return match tokens.open(credential.expose(), now) {
                Ok(claims) => {
                    let key =
                        desk.keys.find(&claims.key, name, peer, now).ok_or(Rejection::Unauthenticated)?;
                    Ok(Self { key, token: Some(claims) })
                }
                // Ours, and no guess: who comes with one that has ended only has to fetch another.
                Err(token::Refused::Ended) => Err(Rejection::Unauthenticated),
                Err(token::Refused::NotOurs) => Err(wrong(desk, Source::of(peer), now)),
            };
        }
        Ok(Self { key: authenticate(desk, name, &credential, peer, now)?, token: None })
    }

    /// A token may hold fewer rights than its key, and never more.
    pub fn may(&self, right: Right) -> bool {
        self.key.may(right) && self.token.as_ref().is_none_or(|token| token.rights.contains(&right))
    }
}

/// The key that a caller of `dialect` presents.
///
/// From a source that has been wrong too often every wrong credential is refused unjudged for a while. A right one
/// passes all the same, so that nobody is locked out by others behind the same address, unless it could have been
/// found by trying: one of few bits counts only where the key has been used from there before. The look-up itself is
/// not spared, as a hash costs less than writing the refusal.
///
/// # Errors
/// [`Rejection::Unauthenticated`], [`Rejection::Guessing`].
pub fn authenticate<'k>(
    desk: &Desk<'k>,
    dialect: &str,
    credential: &Credential,
    peer: IpAddr,
    now: SystemTime,
) -> Result<&'k Arc<Key>, Rejection> {
    let source = Source::of(peer);
    let Some(key) = desk.keys.find(&CredentialHash::of(credential), dialect, peer, now) else {
        return Err(wrong(desk, source, now));
    };
    if let Some(retry_after_s) = desk.limits.guesses.wait_s(source, now) {
        let guessable = || entropy_bits(credential.expose()) < GUESSABLE_BITS;
        if !key.used.sources.knows(source) && guessable() {
            return Err(Rejection::Guessing { retry_after_s });
        }
    }
    key.used.sources.remember(source);
    Ok(key)
}

/// The answer to a wrong credential, which is counted while the source may still guess.
fn wrong(desk: &Desk<'_>, source: Source, now: SystemTime) -> Rejection {
    match desk.limits.guesses.wait_s(source, now) {
        Some(retry_after_s) => Rejection::Guessing { retry_after_s },
        None => {
            desk.limits.guesses.record(source, now);
            Rejection::Unauthenticated
        }
    }
}

/// What nobody finds by asking a gateway: a million guesses in a second take 10¹⁵ years. Lower than what `keys add`
/// asks for, which has to stand against whoever has the hash.
const GUESSABLE_BITS: f64 = 96.0;

#[cfg(test)]
mod tests;
