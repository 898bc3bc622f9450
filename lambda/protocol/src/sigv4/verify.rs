//! The server's side, with AWS's answers to those who sign wrongly.

use std::time::{Duration, SystemTime};

use http::{
    header::{AUTHORIZATION, HOST},
    request,
};
use subtle::ConstantTimeEq;

use super::{
    AmzDate, Authorization, Credentials, PayloadHash, SigningKey, X_AMZ_CONTENT_SHA256, X_AMZ_DATE,
    X_AMZ_SECURITY_TOKEN, canonical::Canonical, hex,
};
use crate::api_error::{ApiError, ErrorCode};

/// Knows the one access key whose signatures hold, and where they must be meant for.
#[derive(Clone, Debug)]
pub struct Verifier {
    pub credentials: Credentials,
    /// Like `us-east-1`.
    pub region: String,
    /// Like `lambda`.
    pub service: String,
}

/// A request whose head claims to be signed with the known key, for here and now. Whether it is shows once the whole
/// body has been hashed.
#[derive(Debug)]
pub struct Claim {
    key: SigningKey,
    date: AmzDate,
    signed_headers: String,
    signature: [u8; 32],
    /// `x-amz-content-sha256`, where it was sent.
    announced: Option<PayloadHash>,
}

impl Verifier {
    /// Everything that can be judged before the body is read. The head must be as it came: `host` is a header.
    ///
    /// # Errors
    /// What AWS answers: `MissingAuthenticationTokenException`, `IncompleteSignatureException`,
    /// `UnrecognizedClientException` or `InvalidSignatureException`.
    pub fn read(&self, head: &request::Parts, now: SystemTime) -> Result<Claim, ApiError> {
        let header = head.headers.get(AUTHORIZATION).ok_or_else(ApiError::missing_authentication)?;
        let authorization = Authorization::parse(header.as_bytes()).map_err(incomplete)?;
        let date = head.headers.get(X_AMZ_DATE).and_then(|date| AmzDate::parse(date.as_bytes()));
        let date = date.ok_or_else(|| incomplete(NO_DATE))?;
        self.check_client(head, &authorization)?;
        check_time(date, AmzDate::at(now))?;
        self.check_scope(&authorization, date)?;
        for (name, text) in [(HOST, HOST_UNSIGNED), (X_AMZ_DATE, DATE_UNSIGNED)] {
            if !authorization.signs(name.as_str()) {
                return Err(invalid(text));
            }
        }
        let announced = head.headers.get(X_AMZ_CONTENT_SHA256);
        let announced =
            announced.map(|hash| hex::decode(hash.as_bytes()).ok_or_else(ApiError::invalid_signature));
        Ok(Claim {
            key: SigningKey::of_day(self.credentials.secret(), date, &self.region, &self.service),
            date,
            signed_headers: authorization.signed_headers.to_owned(),
            signature: authorization.signature().ok_or_else(ApiError::invalid_signature)?,
            announced: announced.transpose()?,
        })
    }

    /// A key that is not known and a token that does not belong to it are one answer.
    fn check_client(&self, head: &request::Parts, authorization: &Authorization<'_>) -> Result<(), ApiError> {
        let token = head.headers.get(X_AMZ_SECURITY_TOKEN);
        let token_fits = match (self.credentials.session_token(), token) {
            (Some(known), Some(sent)) => known.as_bytes().ct_eq(sent.as_bytes()).into(),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        if token_fits && authorization.access_key_id == self.credentials.access_key_id() {
            Ok(())
        } else {
            Err(ApiError::unrecognized_client())
        }
    }

    fn check_scope(&self, authorization: &Authorization<'_>, date: AmzDate) -> Result<(), ApiError> {
        if authorization.region != self.region {
            return Err(invalid("Credential should be scoped to a valid region."));
        }
        if authorization.service != self.service {
            let text = format_args!("Credential should be scoped to correct service: '{}'.", self.service);
            return Err(invalid(text));
        }
        if !authorization.is_terminated() {
            return Err(invalid("Credential should be scoped with a valid terminator: 'aws4_request'."));
        }
        if authorization.date.as_bytes() != date.date() {
            let text = format_args!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{}' != '{}', from '{date}'.",
                authorization.date,
                &date.to_string()[..8],
            );
            return Err(invalid(text));
        }
        Ok(())
    }
}

impl Claim {
    /// # Errors
    /// `InvalidSignatureException`: something that was signed is not what came, or the secret was another.
    pub fn verify(&self, head: &request::Parts, payload_hash: &PayloadHash) -> Result<(), ApiError> {
        let mut canonical = Canonical::start(head.method.as_str(), &head.uri);
        for name in self.signed_headers.split(';') {
            canonical.header(name, &head.headers);
        }
        let request_hash = canonical.finish(self.signed_headers.as_bytes(), payload_hash);
        let is_announced = self.announced.is_none_or(|announced| announced == *payload_hash);
        if is_announced && self.key.is_signature(&self.date.text(), &request_hash, &self.signature) {
            Ok(())
        } else {
            Err(ApiError::invalid_signature())
        }
    }
}

/// How far a client's clock may be off, in either direction.
/// Source: IAM user guide, "Troubleshoot AWS API request signature issues".
pub const MAX_SKEW: Duration = Duration::from_mins(5);

const NO_DATE: &str = "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.";
const HOST_UNSIGNED: &str = "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.";
/// Ours: AWS also takes the date from `Date`, which no SDK sends.
const DATE_UNSIGNED: &str = "'X-Amz-Date' must be a 'SignedHeader' in the AWS Authorization.";

fn check_time(date: AmzDate, now: AmzDate) -> Result<(), ApiError> {
    let (earliest, latest) = (now.minus(MAX_SKEW), now.plus(MAX_SKEW));
    if date < earliest {
        let text = format_args!("Signature expired: {date} is now earlier than {earliest} ({now} - 5 min.)");
        return Err(invalid(text));
    }
    if date > latest {
        let text =
            format_args!("Signature not yet current: {date} is still later than {latest} ({now} + 5 min.)");
        return Err(invalid(text));
    }
    Ok(())
}

fn invalid(text: impl std::fmt::Display) -> ApiError {
    ApiError::new(ErrorCode::InvalidSignature, text)
}

fn incomplete(text: impl std::fmt::Display) -> ApiError {
    ApiError::new(ErrorCode::IncompleteSignature, text)
}
