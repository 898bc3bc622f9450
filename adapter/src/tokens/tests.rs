use std::num::NonZeroU32;

use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use stayput_core::{
    Call, Trace, admission,
    keys::{Keyring, Right, Scope, Validity},
    limits::{GUESSES_AT_ONCE, Limits},
    table::Table,
    token::SealingKeys,
};
use uuid::Uuid;

use super::*;

/// As a device in the field has it.
const CLIENT: &str = "client_id=device-7&client_secret=c3499c2729730a7f807efb8676a92dcb6f8a3f8f";
const OTHER: &str = "client_id=device-8&client_secret=kR3vPz8QmT1xWb6NcY0uLd";

struct Desks {
    keys: Keyring,
    table: Table,
    limits: Limits,
    tokens: Tokens,
}

impl Desks {
    fn new() -> Self {
        let mut keys = Keyring::default();
        let ends = Validity { not_after: Some(at(10_000)), ..Validity::default() };
        for (client, valid) in [(CLIENT, Validity::default()), (OTHER, ends)] {
            let [id, secret] =
                [0, 1].map(|part| client.split('&').nth(part).unwrap().split_once('=').unwrap().1);
            let hash = CredentialHash::of(&Credential::new(format!("{id}:{secret}")));
            let key = Key::new(id, Scope::Only(vec!["altair".into()]), Scope::All, &[Right::Invoke]);
            keys.add(hash, Key { valid, ..key });
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

    fn send(&self, request: Request<String>, s: u64) -> Told {
        let (head, body) = request.into_parts();
        let exchange = Exchange {
            head: &head,
            id: Uuid::nil(),
            peer: ([192, 0, 2, 1], 1).into(),
            trace: Trace::join(&head.headers, Uuid::nil(), at(s)),
            started: at(s),
            elapsed: Duration::ZERO,
        };
        let endpoint = Endpoint::of(head.uri.path()).unwrap();
        let buffers = BufferBudget::new(1 << 20);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let mut body = Full::new(Bytes::from(body));
        let (response, blame) =
            runtime.block_on(endpoint.serve(&exchange, &mut body, &buffers, &self.desk(), &self.tokens));
        assert_eq!(blame.is_none(), response.status() == StatusCode::OK);
        let (head, body) = response.into_parts();
        assert_eq!(head.headers[header::CONTENT_TYPE], "application/json");
        assert_eq!(head.headers[header::CACHE_CONTROL], "no-store");
        let body = runtime.block_on(body.collect()).unwrap().to_bytes();
        Told {
            status: head.status.as_u16(),
            headers: head.headers,
            json: serde_json::from_slice(&body).unwrap(),
        }
    }

    fn post(&self, path: &str, form: &str, s: u64) -> Told {
        self.send(Request::post(path).body(form.to_owned()).unwrap(), s)
    }

    fn token(&self, client: &str, s: u64) -> String {
        let told = self.post("/oauth2/token", &format!("grant_type=client_credentials&{client}"), s);
        told.json["access_token"].as_str().unwrap().to_owned()
    }

    /// Is it taken in place of a key?
    fn counts(&self, token: &str, s: u64) -> bool {
        let request = Request::post("/spaces/dev/functions/f/invoke")
            .header("authorization", format!("Bearer {token}"));
        let (head, ()) = request.body(()).unwrap().into_parts();
        let peer = ([192, 0, 2, 1], 1).into();
        let trace = Trace::join(&head.headers, Uuid::nil(), at(s));
        let exchange =
            Exchange { head: &head, id: Uuid::nil(), trace, peer, started: at(s), elapsed: Duration::ZERO };
        let admitted: Result<(Call, _), _> = admission::recognise(&Altair, &exchange, &self.desk()).unwrap();
        // The table is empty: who is known is told that there is no such function.
        admitted.is_err_and(|rejection| rejection == Rejection::UnknownFunction)
    }
}

struct Told {
    status: u16,
    headers: http::HeaderMap,
    json: serde_json::Value,
}

fn at(s: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(s)
}

#[test]
fn a_client_gets_a_token_of_an_hour_that_stands_for_its_key() {
    let desks = Desks::new();
    let form = format!("grant_type=client_credentials&{CLIENT}&scope=data+thing+function");
    let told = desks.post("/oauth2/token", &form, 0);
    assert_eq!(told.status, 200);
    let members: Vec<_> = told.json.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["access_token", "expires_in", "scope", "token_type"]);
    assert_eq!((&told.json["expires_in"], &told.json["scope"]), (&3_600.into(), &"function".into()));
    assert_eq!(told.json["token_type"], "bearer");
    let token = told.json["access_token"].as_str().unwrap();
    assert!(desks.counts(token, 3_599));
    assert!(!desks.counts(token, 3_600));
}

#[test]
fn a_token_ends_with_its_key() {
    let desks = Desks::new();
    let form = format!("grant_type=client_credentials&{OTHER}");
    assert_eq!(desks.post("/oauth2/token", &form, 9_990).json["expires_in"], 10);
    assert_eq!(desks.post("/oauth2/token", &form, 10_000).status, 401);
}

#[test]
fn a_revoked_token_counts_no_more_and_others_do() {
    let desks = Desks::new();
    let [revoked, other] = [0, 0].map(|s| desks.token(CLIENT, s));
    assert_ne!(revoked, other);
    let told = desks.post("/oauth2/revoke", &format!("token={revoked}&{CLIENT}"), 1);
    assert_eq!((told.status, told.json), (200, serde_json::json!({})));
    assert!(!desks.counts(&revoked, 1));
    assert!(desks.counts(&other, 1));
    assert_eq!(desks.post("/oauth2/revoke", &format!("token={revoked}&{CLIENT}"), 1).status, 200, "again");
    assert_eq!(
        desks.post("/oauth2/revoke", &format!("token=none&{CLIENT}"), 1).status,
        200,
        "no token at all"
    );
}

#[test]
fn nobody_revokes_anothers_token() {
    let desks = Desks::new();
    let token = desks.token(CLIENT, 0);
    check(&desks.post("/oauth2/revoke", &format!("token={token}&{OTHER}"), 0), 400, "invalid_grant");
    assert!(desks.counts(&token, 0));
}

#[track_caller]
fn check(told: &Told, status: u16, error: &str) {
    assert_eq!((told.status, &told.json["error"]), (status, &error.into()), "{}", told.json);
}

#[test]
fn every_error_has_oauths_form() {
    let desks = Desks::new();
    let token = |form: &str| desks.post("/oauth2/token", form, 0);
    check(&token(CLIENT), 400, "invalid_request");
    check(&token(&format!("grant_type=password&{CLIENT}")), 400, "unsupported_grant_type");
    check(&token(&format!("grant_type=client_credentials&scope=data&{CLIENT}")), 400, "invalid_scope");
    check(&token(&format!("grant_type=client_credentials&{CLIENT}&client_id=b")), 400, "invalid_request");
    check(&token("grant_type=client_credentials"), 401, "invalid_client");
    let wrong = token("grant_type=client_credentials&client_id=device-7&client_secret=x");
    check(&wrong, 401, "invalid_client");
    assert!(!wrong.headers.contains_key(header::WWW_AUTHENTICATE), "a browser would ask its user");
    check(&token(&"a".repeat(MAX_FORM_BYTES + 1)), 413, "invalid_request");
    check(&desks.post("/oauth2/revoke", CLIENT, 0), 400, "invalid_request");
    let get = desks.send(Request::get("/oauth2/token").body(String::new()).unwrap(), 0);
    check(&get, 405, "invalid_request");
    assert_eq!(get.headers[header::ALLOW], "POST");
}

#[test]
fn a_client_may_say_who_it_is_in_the_authorization_field() {
    let desks = Desks::new();
    let send = |client: &str, form: &str| {
        let basic = format!("Basic {}", base64_simd::STANDARD.encode_to_string(client));
        let request = Request::post("/oauth2/token").header("authorization", basic);
        desks.send(request.body(format!("grant_type=client_credentials{form}")).unwrap(), 0)
    };
    let client = CLIENT.replace("client_id=", "").replace("&client_secret=", ":");
    assert_eq!(send(&client, "").status, 200);
    assert_eq!(send(&client.replace('-', "%2D"), "").status, 200, "encoded like a form");
    check(&send(&client, &format!("&{CLIENT}")), 400, "invalid_request");
    check(&send("device-7", ""), 400, "invalid_request");
    let wrong = send("device-7:x", "");
    check(&wrong, 401, "invalid_client");
    assert!(wrong.headers.contains_key(header::WWW_AUTHENTICATE));
}

#[test]
fn guesses_are_slowed_down_here_too() {
    let desks = Desks::new();
    let guess = |secret: u32| {
        let form = format!("grant_type=client_credentials&client_id=device-7&client_secret={secret}");
        desks.post("/oauth2/token", &form, 0)
    };
    for secret in 0..GUESSES_AT_ONCE {
        check(&guess(secret), 401, "invalid_client");
    }
    let told = guess(GUESSES_AT_ONCE);
    check(&told, 429, "invalid_request");
    assert_eq!(told.headers[header::RETRY_AFTER], "6");
}
