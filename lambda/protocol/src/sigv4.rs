//! AWS Signature Version 4 in the `Authorization` header, both sides: [`Signer`] and [`Verifier`].
//!
//! ```text
//! credentials ─ SigningKey::derive (once a day) ─► Signer::sign ─► authorization, x-amz-date, x-amz-security-token
//! head ─► Verifier::read ─► Claim ─ SHA-256 of the body ─► Claim::verify ─► () or AWS's own refusal
//! ```
//!
//! The canonical request never exists as text: it is written straight into its hash, and the derived key is kept as
//! an HMAC that has already absorbed it. As Lambda asks, the path is percent-encoded once more than on the wire and
//! dot segments are resolved; the payload's hash stands in the signature and in no header.
//!
//! Source: IAM user guide, "Create a signed AWS API request". What that page leaves open (how a query is read before
//! it is encoded again) is done as the crate `aws-sigv4` does it; the tests hold both to the same bytes.

use http::HeaderName;
use sha2::{Digest, Sha256};

mod authorization;
mod canonical;
mod credentials;
mod date;
mod hex;
mod key;
mod sign;
mod verify;

pub use authorization::{Authorization, Malformed};
pub use credentials::{Credentials, CredentialsError, SecretKey};
pub use date::AmzDate;
pub use key::SigningKey;
pub use sign::{SignedHeaders, Signer};
pub use verify::{Claim, MAX_SKEW, Verifier};

/// SHA-256 of a request's body.
pub type PayloadHash = [u8; 32];

/// The hash of a body that lies in memory. One that arrives in pieces can be hashed as it comes.
pub fn payload_hash(body: &[u8]) -> PayloadHash {
    Sha256::digest(body).into()
}

pub const X_AMZ_DATE: HeaderName = HeaderName::from_static("x-amz-date");
pub const X_AMZ_SECURITY_TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");
pub const X_AMZ_CONTENT_SHA256: HeaderName = HeaderName::from_static("x-amz-content-sha256");

/// The word with which an `Authorization` header of this kind begins.
const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// The last part of every credential scope.
const TERMINATOR: &str = "aws4_request";

#[cfg(test)]
mod tests;
