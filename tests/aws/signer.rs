//! Who signs requests to AWS in these runs.

use std::time::SystemTime;

use http::request;
use lambda_protocol::{
    api_error::ApiError,
    sigv4::{Credentials, SecretKey, Verifier, payload_hash},
};

use super::process::{ACCESS_KEY_ID, REGION, SECRET};

#[derive(Clone, Copy)]
pub(crate) enum Signer {
    /// A process with an operator's key.
    Process,
    /// A function, with what the embedded service gives to each.
    Function,
}

impl Signer {
    /// # Errors
    /// It has signed something else, or somebody else has.
    pub(crate) fn verify(self, service: &str, head: &request::Parts, payload: &[u8]) -> Result<(), ApiError> {
        let (id, secret, session) = match self {
            Self::Process => (ACCESS_KEY_ID, SECRET, None),
            Self::Function => ("LOCALLAMBDA", "local", Some("local")),
        };
        let credentials = Credentials::new(id, SecretKey::new(secret), session).expect("an access key");
        let verifier = Verifier { credentials, region: REGION.to_owned(), service: service.to_owned() };
        verifier.read(head, SystemTime::now())?.verify(head, &payload_hash(payload))
    }
}
