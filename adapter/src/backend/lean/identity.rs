//! Who signs: credentials that are renewed behind the callers' backs, and their signing key of the day.

use std::{fmt, sync::Arc, time::SystemTime};

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use http::request;
use lambda_protocol::sigv4::{self, Credentials, SignedHeaders, SigningKey, payload_hash};

use crate::backend::BackendError;

/// AWS credentials, and until when they count.
pub struct Identity {
    credentials: Credentials,
    expires: Option<SystemTime>,
}

/// The credentials that count now; at first none. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Identities(Arc<ArcSwapOption<Identity>>);

/// Signs for one service in one region.
#[derive(Debug)]
pub(super) struct Signer {
    service: Service,
    region: String,
    identities: Identities,
    /// Of the day on which it was last asked for.
    today: ArcSwapOption<Today>,
}

/// Whose key of the day it is.
struct Today {
    identity: Arc<Identity>,
    signer: sigv4::Signer,
}

/// A service of AWS's, as it is signed for.
#[derive(Clone, Debug)]
pub struct Service {
    /// In the credential scope.
    pub name: &'static str,
    pub signed: SignedHeaders,
}

impl Service {
    pub fn lambda() -> Self {
        Self { name: "lambda", signed: SignedHeaders::of_invoke() }
    }
}

impl Identity {
    pub fn new(credentials: Credentials, expires: Option<SystemTime>) -> Self {
        Self { credentials, expires }
    }
}

impl Identities {
    /// From now on these sign.
    pub fn replace(&self, identity: Identity) {
        self.0.store(Some(Arc::new(identity)));
    }
}

impl Signer {
    pub(super) fn new(service: Service, region: String, identities: Identities) -> Self {
        Self { service, region, identities, today: ArcSwapOption::empty() }
    }

    /// Signs everything that the head has so far, `Host` included, and the payload.
    ///
    /// # Errors
    /// [`BackendError::NoCredentials`]: there are none, or they have expired.
    pub(super) fn sign(
        &self,
        head: &mut request::Parts,
        payload: &Bytes,
        now: SystemTime,
    ) -> Result<(), BackendError> {
        let identity = self.identities.0.load();
        let identity = identity
            .as_ref()
            .filter(|identity| identity.expires.is_none_or(|end| now < end))
            .ok_or(BackendError::NoCredentials)?;
        let hash = payload_hash(payload);
        let today = self.today.load();
        let is_mine =
            |today: &&Arc<Today>| Arc::ptr_eq(&today.identity, identity) && today.signer.is_for(now);
        match today.as_ref().filter(is_mine) {
            Some(today) => today.signer.sign(head, &hash, now),
            None => {
                let signer = self.signer_of_the_day(&identity.credentials, now);
                signer.sign(head, &hash, now);
                self.today.store(Some(Arc::new(Today { identity: Arc::clone(identity), signer })));
            }
        }
        Ok(())
    }

    fn signer_of_the_day(&self, credentials: &Credentials, now: SystemTime) -> sigv4::Signer {
        let key = SigningKey::derive(credentials.secret(), now, &self.region, self.service.name);
        sigv4::Signer::new(credentials, key, self.service.signed.clone())
    }
}

impl fmt::Debug for Today {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Today").field("identity", &self.identity).finish_non_exhaustive()
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("expires", &self.expires).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use http::{Request, header};
    use lambda_protocol::sigv4::SecretKey;

    use super::*;

    fn identity(access_key: &str) -> Identity {
        Identity::new(Credentials::new(access_key, SecretKey::new("secret"), None).unwrap(), None)
    }

    #[track_caller]
    fn check(signer: &Signer, expected: &str) {
        let (mut head, ()) = Request::post("/").header(header::HOST, "here").body(()).unwrap().into_parts();
        signer.sign(&mut head, &Bytes::new(), UNIX_EPOCH).unwrap();
        let signed = head.headers[header::AUTHORIZATION].to_str().unwrap();
        assert!(signed.contains(expected), "{signed}");
    }

    #[test]
    fn services_of_one_identity_are_signed_for_each_by_its_own_name_and_fresh_credentials_count_at_once() {
        let identities = Identities::default();
        identities.replace(identity("FIRST"));
        let signer = |name| {
            let signed = SignedHeaders::new([]);
            Signer::new(Service { name, signed }, "us-east-1".to_owned(), identities.clone())
        };
        let (one, other) = (signer("sqs"), signer("dynamodb"));
        for _ in 0..2 {
            check(&one, "Credential=FIRST/19700101/us-east-1/sqs/aws4_request");
            check(&other, "Credential=FIRST/19700101/us-east-1/dynamodb/aws4_request");
        }
        identities.replace(identity("SECOND"));
        check(&one, "Credential=SECOND/19700101/us-east-1/sqs/aws4_request");
    }
}
