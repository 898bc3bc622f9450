use std::time::{Duration, UNIX_EPOCH};

use proptest::prelude::*;

use super::*;
use crate::keys::{CredentialHash, Right};

fn keys(text: &str) -> SealingKeys {
    SealingKeys::parse(text).unwrap()
}

fn one() -> String {
    "01".repeat(32)
}

fn at(s: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(s)
}

fn claims() -> Claims {
    Claims { key: CredentialHash([7; 32]), rights: vec![Right::Invoke, Right::Logs], expires: at(3_600) }
}

#[test]
fn a_token_says_what_it_was_issued_with_until_it_ends() {
    let tokens = Tokens::new(keys(&one()));
    let token = tokens.issue(&claims(), [1; 24]);
    assert!(is_token(&Credential::new(token.clone())));
    assert_eq!(tokens.open(token.as_bytes(), at(3_599)), Ok(claims()));
    assert_eq!(tokens.open(token.as_bytes(), at(3_600)), Err(Refused::Ended));
}

#[test]
fn a_revoked_token_has_ended_and_no_other() {
    let tokens = Tokens::new(keys(&one()));
    let [revoked, other] = [1, 2].map(|nonce| tokens.issue(&claims(), [nonce; 24]));
    assert_eq!(tokens.revoke(revoked.as_bytes(), at(0)), Ok(()));
    assert_eq!(tokens.open(revoked.as_bytes(), at(0)), Err(Refused::Ended));
    assert_eq!(tokens.open(other.as_bytes(), at(0)), Ok(claims()));
    assert_eq!(tokens.revoke(b"stayput_token_x", at(0)), Err(Refused::NotOurs));
}

#[test]
fn a_key_opens_what_it_sealed_until_it_is_gone() {
    let two = "02".repeat(32);
    let token = Tokens::new(keys(&one())).issue(&claims(), [1; 24]);
    let open = |text: &str| Tokens::new(keys(text)).open(token.as_bytes(), at(0));
    assert_eq!(open(&format!("gateway_{two}\n{}\n", one())), Ok(claims()));
    assert_eq!(open(&two), Err(Refused::NotOurs));
}

#[test]
fn what_is_no_key_is_told_without_a_word_of_it() {
    let refused = |text: &str| SealingKeys::parse(text).err();
    assert_eq!(refused(" \n"), Some(KeyError::None));
    assert_eq!(refused("hunter2"), Some(KeyError::Shape { number: 1 }));
    assert_eq!(refused(&format!("{} {}", one(), "0".repeat(63))), Some(KeyError::Shape { number: 2 }));
    assert_eq!(refused(&"é".repeat(32)), Some(KeyError::Shape { number: 1 }));
    assert_eq!(refused(&format!("{} ", one()).repeat(9)), Some(KeyError::Many));
}

#[test]
fn nothing_opens_for_another_purpose() {
    let keys = keys(&one());
    let sealed = keys.seal(b"a", b"ticket", [1; 24]);
    assert!(keys.open(&sealed, b"ticket").is_some());
    assert_eq!(keys.open(&sealed, b"token"), None);
}

#[test]
fn keys_print_as_their_ids() {
    let shown = format!("{:?}", keys(&one()));
    assert!(!shown.contains("0101") && !shown.contains("1, 1"), "{shown}");
}

proptest! {
    #[test]
    fn whoever_has_no_key_cannot_make_or_change_one(cut in 0_usize..200, flip in 1_u8..=255, text in "\\PC{0,80}") {
        let tokens = Tokens::new(keys(&one()));
        let sealed = keys(&one()).seal(&claims().encode(), PURPOSE, [1; 24]);
        let mut changed = sealed.clone();
        let at_byte = cut % changed.len();
        changed[at_byte] ^= flip;
        let encode = |sealed: &[u8]| format!("{PREFIX}{}", base64_simd::URL_SAFE_NO_PAD.encode_to_string(sealed));
        for token in [encode(&changed), encode(&sealed[..at_byte]), format!("{PREFIX}{text}"), text] {
            prop_assert_eq!(tokens.open(token.as_bytes(), at(0)), Err(Refused::NotOurs));
        }
    }
}
