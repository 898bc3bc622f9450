use std::{
    num::NonZeroU32,
    time::{Duration, UNIX_EPOCH},
};

use uuid::Uuid;

use super::*;
use crate::{
    dialect::{Altair, OpenFaas, Stedi},
    keys::{Keyring, Scope},
    limits::{GUESSES_AT_ONCE, Limits},
    table::Table,
    token::{SealingKeys, Tokens},
};

/// As a platform makes them.
const STRONG: &str = "c3499c2729730a7f807efb8676a92dcb6f8a3f8f";
const WEAK: &str = "hunter2";

struct Gateway {
    keys: Keyring,
    table: Table,
    limits: Limits,
    tokens: Tokens,
}

impl Gateway {
    fn new() -> Self {
        let mut keys = Keyring::default();
        for secret in [STRONG, WEAK] {
            let key = Key::new(secret, Scope::All, Scope::All, &[Right::Invoke, Right::Logs]);
            keys.add(CredentialHash::of(&Credential::new(secret)), key);
        }
        let tokens = Tokens::new(SealingKeys::parse(&"01".repeat(32)).unwrap());
        Self { keys, table: Table::default(), limits: Limits::new(NonZeroU32::new(10).unwrap()), tokens }
    }

    fn desk(&self) -> Desk<'_> {
        Desk {
            keys: &self.keys,
            table: &self.table,
            limits: &self.limits,
            tokens: Some(&self.tokens),
            asynchronous: None,
        }
    }

    /// The label of the key behind it.
    fn present(&self, secret: &str, peer: [u8; 4], s: u64) -> Result<String, Rejection> {
        let now = UNIX_EPOCH + Duration::from_secs(1_600_000_000 + s);
        let key = authenticate(&self.desk(), "stedi", &Credential::new(secret), peer.into(), now)?;
        Ok(key.label.clone())
    }

    fn guess_too_often(&self, peer: [u8; 4]) {
        for number in 0..GUESSES_AT_ONCE {
            let refused = self.present(&format!("guess-{number}"), peer, 0);
            assert_eq!(refused, Err(Rejection::Unauthenticated));
        }
    }

    fn call(
        &self,
        dialect: &dyn Dialect,
        authorization: &str,
        now: SystemTime,
    ) -> Result<Vec<Right>, Rejection> {
        let request = http::Request::post("/").header("authorization", authorization).body(()).unwrap();
        let (head, ()) = request.into_parts();
        let peer = (A, 1).into();
        let trace = crate::Trace::join(&head.headers, Uuid::nil(), now);
        let exchange =
            Exchange { head: &head, id: Uuid::nil(), trace, peer, started: now, elapsed: Duration::ZERO };
        let caller = Caller::identify(dialect, &exchange, &self.desk())?;
        Ok(Right::ALL.into_iter().filter(|right| caller.may(*right)).collect())
    }
}

const A: [u8; 4] = [192, 0, 2, 1];
const B: [u8; 4] = [192, 0, 2, 2];

#[test]
fn too_many_wrong_credentials_from_one_source_are_refused_for_a_while() {
    let gateway = Gateway::new();
    gateway.guess_too_often(A);
    assert_eq!(gateway.present("one more", A, 0), Err(Rejection::Guessing { retry_after_s: 6 }));
    assert_eq!(gateway.present("one more", B, 0), Err(Rejection::Unauthenticated));
    assert_eq!(gateway.present("one more", A, 6), Err(Rejection::Unauthenticated));
}

#[test]
fn nobody_is_locked_out_by_others_behind_the_same_address() {
    let gateway = Gateway::new();
    assert_eq!(gateway.present(WEAK, A, 0), Ok(WEAK.to_owned()));
    gateway.guess_too_often(A);
    assert_eq!(
        gateway.present(STRONG, A, 0),
        Ok(STRONG.to_owned()),
        "never seen here, and out of reach of guesses"
    );
    assert_eq!(gateway.present(WEAK, A, 0), Ok(WEAK.to_owned()), "seen here before");
}

#[test]
fn what_can_be_guessed_is_not_found_by_guessing() {
    let gateway = Gateway::new();
    gateway.guess_too_often(A);
    assert_eq!(gateway.present(WEAK, A, 0), Err(Rejection::Guessing { retry_after_s: 6 }));
    assert_eq!(gateway.present(WEAK, B, 0), Ok(WEAK.to_owned()));
}

#[test]
fn a_wrong_credential_never_falls_back_to_anonymous() {
    let mut gateway = Gateway::new();
    gateway.keys.add_anonymous(Key::new("anyone", Scope::All, Scope::All, &[Right::Invoke]));
    let wrong = gateway.call(&OpenFaas, "Bearer guess", UNIX_EPOCH);
    assert_eq!(wrong, Err(Rejection::Unauthenticated));
    let basic = gateway.call(&OpenFaas, "Basic is not a credential here", UNIX_EPOCH);
    assert_eq!(basic, Ok(vec![Right::Invoke]));
}

#[test]
fn a_token_stands_for_its_key_with_the_rights_of_both() {
    let gateway = Gateway::new();
    let now = UNIX_EPOCH + Duration::from_secs(10);
    let expires = now + Duration::from_secs(60);
    let key = CredentialHash::of(&Credential::new(STRONG));
    let claims = Claims { key, rights: vec![Right::Invoke, Right::Async], expires };
    let bearer = |claims: &Claims| format!("Bearer {}", gateway.tokens.issue(claims, [1; 24]));
    assert_eq!(gateway.call(&Altair, &bearer(&claims), now), Ok(vec![Right::Invoke]));
    assert_eq!(
        gateway.call(&Stedi, &bearer(&claims), now),
        Err(Rejection::Unauthenticated),
        "Altair's alone"
    );
    assert_eq!(gateway.call(&Altair, &bearer(&claims), expires), Err(Rejection::Unauthenticated));
    let gone = Claims { key: CredentialHash([0; 32]), ..claims };
    assert_eq!(
        gateway.call(&Altair, &bearer(&gone), now),
        Err(Rejection::Unauthenticated),
        "the key is gone"
    );
}

#[test]
fn an_ended_token_is_no_guess_and_a_forged_one_is() {
    let gateway = Gateway::new();
    let now = UNIX_EPOCH + Duration::from_secs(10);
    let ended = Claims { key: CredentialHash([0; 32]), rights: Vec::new(), expires: UNIX_EPOCH };
    let ended = format!("Bearer {}", gateway.tokens.issue(&ended, [1; 24]));
    let last = |authorization: &str| {
        let all = (0..=GUESSES_AT_ONCE).map(|_| gateway.call(&Altair, authorization, now).unwrap_err());
        all.last().unwrap()
    };
    assert_eq!(last(&ended), Rejection::Unauthenticated);
    assert_eq!(last("Bearer stayput_token_forged"), Rejection::Guessing { retry_after_s: 6 });
}
