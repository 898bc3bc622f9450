//! Where TLS ends in front of a server that speaks none.

use std::{
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use rcgen::generate_simple_self_signed;
use rustls::{
    ServerConfig,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tempfile::TempDir;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    runtime::Runtime,
};
use tokio_rustls::TlsAcceptor;

/// A port with a certificate of its own, for `localhost`.
pub(crate) struct TlsEnd {
    port: u16,
    certificate: PathBuf,
    connections: Arc<AtomicUsize>,
    _folder: TempDir,
    _runtime: Runtime,
}

impl TlsEnd {
    pub(crate) fn start(behind: SocketAddr) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let made = generate_simple_self_signed(["localhost".to_owned()]).map_err(io::Error::other)?;
        let folder = tempfile::tempdir()?;
        let certificate = folder.path().join("certificate.pem");
        fs::write(&certificate, made.cert.pem())?;
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|config| {
                config.with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key)
            })
            .map_err(io::Error::other)?;
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = runtime.block_on(TcpListener::bind("localhost:0"))?;
        let port = listener.local_addr()?.port();
        let connections = Arc::<AtomicUsize>::default();
        let counted = Arc::clone(&connections);
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, counted) = (acceptor.clone(), Arc::clone(&counted));
                tokio::spawn(async move {
                    let mut caller = acceptor.accept(stream).await?;
                    counted.fetch_add(1, Relaxed);
                    copy_bidirectional(&mut caller, &mut TcpStream::connect(behind).await?).await
                });
            }
        });
        Ok(Self { port, certificate, connections, _folder: folder, _runtime: runtime })
    }

    pub(crate) fn url(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    /// A PEM file: who trusts it, trusts this.
    pub(crate) fn authority(&self) -> &Path {
        &self.certificate
    }

    /// Those whose handshake was done.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Relaxed)
    }
}
