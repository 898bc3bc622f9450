//! HTTPS: certificates that can be replaced while connections stand.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use arc_swap::ArcSwap;
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
    version::{TLS12, TLS13},
};
use tokio_rustls::TlsAcceptor;

/// A certificate and its key, from two PEM files. New connections get what was read last; standing ones keep theirs.
pub struct Certificates {
    certificate: PathBuf,
    key: PathBuf,
    current: ArcSwap<CertifiedKey>,
}

/// Why two files are no certificate and key. Names the files and never what is in them.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    #[error("{} holds no certificate in PEM form", file.display())]
    Certificate {
        file: PathBuf,
        #[source]
        cause: Option<rustls::pki_types::pem::Error>,
    },
    #[error("{} holds no private key in PEM form", file.display())]
    Key {
        file: PathBuf,
        #[source]
        cause: rustls::pki_types::pem::Error,
    },
    #[error("the key in {} does not belong to the certificate in {}", key.display(), certificate.display())]
    Pair {
        certificate: PathBuf,
        key: PathBuf,
        #[source]
        cause: rustls::Error,
    },
}

impl Certificates {
    /// # Errors
    /// A file cannot be read, or the two do not belong together.
    pub fn load(certificate: &Path, key: &Path) -> Result<Arc<Self>, CertificateError> {
        let current = ArcSwap::from_pointee(read(certificate, key)?);
        Ok(Arc::new(Self { certificate: certificate.to_owned(), key: key.to_owned(), current }))
    }

    /// Reads the files again. What is returned puts into use what was read.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn read_again(self: &Arc<Self>) -> Result<impl FnOnce() + Send + use<>, CertificateError> {
        let read = Arc::new(read(&self.certificate, &self.key)?);
        let certificates = Arc::clone(self);
        Ok(move || certificates.current.store(read))
    }

    /// Where they come from.
    pub fn files(&self) -> [&Path; 2] {
        [&self.certificate, &self.key]
    }

    /// TLS 1.2 and 1.3 with HTTP/1.1 behind them.
    pub(super) fn acceptor(self: &Arc<Self>) -> TlsAcceptor {
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&TLS13, &TLS12])
            .expect("the provider has suites for both")
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(self) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        TlsAcceptor::from(Arc::new(config))
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load_full())
    }
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificates")
            .field("certificate", &self.certificate)
            .field("key", &self.key)
            .finish()
    }
}

fn read(certificate: &Path, key: &Path) -> Result<CertifiedKey, CertificateError> {
    let none = |cause| CertificateError::Certificate { file: certificate.to_owned(), cause };
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|cause| none(Some(cause)))?;
    if chain.is_empty() {
        return Err(none(None));
    }
    let secret = PrivateKeyDer::from_pem_file(key)
        .map_err(|cause| CertificateError::Key { file: key.to_owned(), cause })?;
    CertifiedKey::from_der(chain, secret, &ring::default_provider()).map_err(|cause| CertificateError::Pair {
        certificate: certificate.to_owned(),
        key: key.to_owned(),
        cause,
    })
}

#[cfg(test)]
mod tests;
