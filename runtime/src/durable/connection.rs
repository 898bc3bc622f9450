//! One kept connection to Lambda's API, with or without TLS.

use std::{
    cell::RefCell,
    error::Error as StdError,
    sync::{Arc, OnceLock},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore, crypto::ring, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

/// Where the API is, and the connection to it, once there is one.
pub(crate) struct Connection {
    host: String,
    port: u16,
    is_tls: bool,
    /// With the moment of its last use.
    kept: RefCell<Option<(SendRequest<Full<Bytes>>, SystemTime)>>,
}

type Failure = Box<dyn StdError + Send + Sync>;

impl Connection {
    /// `None`: the address has no host, or is neither `http` nor `https`.
    pub(crate) fn to(endpoint: &Uri) -> Option<Self> {
        let is_tls = match endpoint.scheme_str()? {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let host = endpoint.host()?.trim_matches(['[', ']']).to_owned();
        let port = endpoint.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        Some(Self { host, port, is_tls, kept: RefCell::default() })
    }

    /// One request and its whole answer. The connection is kept for the next one if nothing has gone wrong.
    ///
    /// # Errors
    /// There was no whole answer. Whether the request was carried out, nobody knows.
    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response<Bytes>, Failure> {
        let kept = self.kept.take().filter(|(sender, used)| !sender.is_closed() && is_fresh(*used));
        let mut sender = match kept {
            Some((sender, _)) => sender,
            None => self.open().await?,
        };
        sender.ready().await?;
        let (head, body) = sender.send_request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        self.kept.replace(Some((sender, SystemTime::now())));
        Ok(Response::from_parts(head, body))
    }

    async fn open(&self) -> Result<SendRequest<Full<Bytes>>, Failure> {
        let tcp = TcpStream::connect((&*self.host, self.port)).await?;
        tcp.set_nodelay(true)?;
        if !self.is_tls {
            return handshake(tcp).await;
        }
        let name = ServerName::try_from(self.host.clone())?;
        let connector = TlsConnector::from(trust()?);
        handshake(Box::pin(connector.connect(name, tcp)).await?).await
    }
}

/// Lambda freezes processes between invocations, and what was connected before may be gone without anybody having heard of
/// it. The clock of the calendar goes on meanwhile, the other may not.
fn is_fresh(used: SystemTime) -> bool {
    used.elapsed().is_ok_and(|idle| idle < KEPT_FOR)
}

/// Ours.
const KEPT_FOR: Duration = Duration::from_secs(10);

async fn handshake(
    io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) -> Result<SendRequest<Full<Bytes>>, Failure> {
    let (sender, connection) = http1::handshake(TokioIo::new(io)).await?;
    // Ends with the sender. What breaks it, the sender is told as well.
    tokio::spawn(async move {
        let _ = connection.await;
    });
    Ok(sender)
}

/// The certificates that the system trusts, read once, and not before they are needed.
fn trust() -> Result<Arc<ClientConfig>, Failure> {
    static TRUST: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    if let Some(known) = TRUST.get() {
        return Ok(Arc::clone(known));
    }
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    let (usable, _) = roots.add_parsable_certificates(found.certs);
    if usable == 0 {
        return Err("the system has no certificates to trust".into());
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::clone(TRUST.get_or_init(|| Arc::new(config))))
}
