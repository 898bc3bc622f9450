//! TLS towards servers that are called: the system's certificates, HTTP/1.1 only.

use std::{fmt, io, sync::Arc};

use rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

/// Verifies the server always; sessions are resumed.
#[derive(Clone)]
pub struct Tls(TlsConnector);

impl Tls {
    /// Trusts what the system trusts, or what `SSL_CERT_FILE` and `SSL_CERT_DIR` name.
    ///
    /// # Errors
    /// Not one certificate could be read.
    pub fn of_the_system() -> io::Result<Self> {
        let found = rustls_native_certs::load_native_certs();
        let mut roots = RootCertStore::empty();
        let (added, _) = roots.add_parsable_certificates(found.certs);
        if added == 0 {
            let causes: Vec<String> = found.errors.iter().map(ToString::to_string).collect();
            let message = format!("no certificate to trust was found; {}", causes.join(", "));
            return Err(io::Error::other(message));
        }
        Ok(Self::trusting(roots))
    }

    /// Trusts `roots` and nothing else.
    ///
    /// # Panics
    /// Never: the provider has the protocol versions that it is asked for.
    pub fn trusting(roots: RootCertStore) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider has TLS 1.2 and 1.3")
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Self(TlsConnector::from(Arc::new(config)))
    }

    /// # Errors
    /// The server is not who it should be, or speaks no TLS.
    pub(crate) async fn connect(&self, host: &str, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        self.0.connect(name, stream).await
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}
