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
    /// Of the day on which it was last asked for.
    signer: ArcSwapOption<sigv4::Signer>,
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
        Self { credentials, expires, signer: ArcSwapOption::empty() }
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
        Self { service, region, identities }
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
        match identity.signer.load().as_ref().filter(|signer| signer.is_for(now)) {
            Some(signer) => signer.sign(head, &hash, now),
            None => {
                let signer = Arc::new(self.signer_of_the_day(&identity.credentials, now));
                signer.sign(head, &hash, now);
                identity.signer.store(Some(signer));
            }
        }
        Ok(())
    }

    fn signer_of_the_day(&self, credentials: &Credentials, now: SystemTime) -> sigv4::Signer {
        let key = SigningKey::derive(credentials.secret(), now, &self.region, self.service.name);
        sigv4::Signer::new(credentials, key, self.service.signed.clone())
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("expires", &self.expires).finish_non_exhaustive()
    }
}
