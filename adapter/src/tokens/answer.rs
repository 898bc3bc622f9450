//! What the endpoints say, in OAuth 2.0's form (RFC 6749 sections 5.1 and 5.2).

use http::{HeaderValue, Response, StatusCode, header};
use serde_json::json;
use stayput_core::{Blame, Dialect, Exchange, Rejection, dialect::Altair};

use crate::body::Body;

/// It went well.
pub(super) enum Answer {
    Token { token: String, expires_in_s: u64, scope: &'static str },
    Revoked,
}

/// Why not.
#[derive(Debug)]
pub(super) enum Problem {
    /// What is wrong with the request.
    Request(&'static str),
    /// `basic`: the client used the `Authorization` field, so the answer has to name a way (section 5.2).
    Client {
        basic: bool,
    },
    GrantType,
    Scope,
    /// The token is another client's.
    Foreign,
    NoRandomness,
    /// The status and the pause are those of Altair's other routes.
    Rejected(Rejection),
}

impl Answer {
    pub(super) fn response(&self) -> Response<Body> {
        let body = match self {
            Self::Token { token, expires_in_s, scope } => json!({
                "access_token": token,
                "expires_in": expires_in_s,
                "scope": scope,
                "token_type": "bearer",
            }),
            // Nobody has to read it; an object, for those who do.
            Self::Revoked => json!({}),
        };
        json_response(StatusCode::OK, &body)
    }
}

impl Problem {
    pub(super) fn blame(&self) -> Blame {
        match self {
            Self::Request(_) | Self::Client { .. } | Self::GrantType | Self::Scope | Self::Foreign => {
                Blame::Caller
            }
            Self::NoRandomness => Blame::Gateway,
            Self::Rejected(rejection) => rejection.blame(),
        }
    }

    pub(super) fn response(&self, exchange: &Exchange<'_>) -> Response<Body> {
        let (status, code, description) = match self {
            Self::Request(what) => (StatusCode::BAD_REQUEST, INVALID_REQUEST, (*what).to_owned()),
            Self::Client { .. } => (
                StatusCode::UNAUTHORIZED,
                "invalid_client",
                "missing or unknown client id and secret".to_owned(),
            ),
            Self::GrantType => (
                StatusCode::BAD_REQUEST,
                "unsupported_grant_type",
                "the only grant_type is client_credentials".to_owned(),
            ),
            Self::Scope => {
                (StatusCode::BAD_REQUEST, "invalid_scope", "the only scope is function".to_owned())
            }
            Self::Foreign => (
                StatusCode::BAD_REQUEST,
                "invalid_grant",
                "the token was issued to another client".to_owned(),
            ),
            Self::NoRandomness => {
                (StatusCode::SERVICE_UNAVAILABLE, UNAVAILABLE, "no token can be made now".to_owned())
            }
            Self::Rejected(rejection) => {
                let code = if rejection.blame() == Blame::Caller { INVALID_REQUEST } else { UNAVAILABLE };
                (Altair.reject(exchange, rejection).head.status, code, rejection.to_string())
            }
        };
        let mut response = json_response(status, &json!({ "error": code, "error_description": description }));
        let headers = response.headers_mut();
        match self {
            Self::Client { basic: true } => {
                headers
                    .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(r#"Basic realm="stayput""#));
            }
            Self::Rejected(rejection) => {
                let own = Altair.reject(exchange, rejection).head.headers;
                for name in [header::ALLOW, header::RETRY_AFTER] {
                    headers.extend(own.get(&name).map(|value| (name, value.clone())));
                }
            }
            Self::Client { basic: false }
            | Self::Request(_)
            | Self::GrantType
            | Self::Scope
            | Self::Foreign
            | Self::NoRandomness => {}
        }
        response
    }
}

/// Tokens are for one reader (section 5.1).
fn json_response(status: StatusCode, body: &serde_json::Value) -> Response<Body> {
    let mut response = Response::new(Body::whole(body.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

const INVALID_REQUEST: &str = "invalid_request";

/// Not of section 5.2, which knows no such case; section 4.1.2.1 has the word.
const UNAVAILABLE: &str = "temporarily_unavailable";
