//! One kept connection to Lambda's API, with or without TLS.

use std::{
    cell::{OnceCell, RefCell},
    error::Error as StdError,
    sync::Arc,
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
    /// Whom TLS trusts: read once, and not before it is needed.
    trust: OnceCell<Arc<ClientConfig>>,
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
        Some(Self { host, port, is_tls, trust: OnceCell::new(), kept: RefCell::default() })
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
        let connector = TlsConnector::from(self.trusted()?);
        handshake(Box::pin(connector.connect(name, tcp)).await?).await
    }

    fn trusted(&self) -> Result<Arc<ClientConfig>, Failure> {
        if let Some(known) = self.trust.get() {
            return Ok(Arc::clone(known));
        }
        let read = of_the_system()?;
        Ok(Arc::clone(self.trust.get_or_init(|| read)))
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

/// The certificates that the system trusts, or those that `SSL_CERT_FILE` and `SSL_CERT_DIR` name.
fn of_the_system() -> Result<Arc<ClientConfig>, Failure> {
    let mut roots = RootCertStore::empty();
    let (usable, _) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if usable == 0 {
        return Err("the system has no certificates to trust".into());
    }
    trusting(roots)
}

fn trusting(roots: RootCertStore) -> Result<Arc<ClientConfig>, Failure> {
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use hyper::{server, service::service_fn};
    use rustls::{ServerConfig, pki_types::PrivateKeyDer};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    use super::*;

    /// Answers every request with its path; its address, and who trusts it.
    async fn serve() -> (Uri, RootCertStore) {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(made.cert.der().clone()).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let Ok(stream) = acceptor.accept(stream).await else { continue };
                let echo = service_fn(async |request: Request<_>| {
                    let path = request.uri().path().to_owned();
                    drop::<Request<hyper::body::Incoming>>(request);
                    Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(path))))
                });
                let _ =
                    server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), echo).await;
            }
        });
        (format!("https://localhost:{port}").parse().unwrap(), roots)
    }

    async fn ask(connection: &Connection, path: &str) -> Result<Bytes, Failure> {
        let request = Request::get(path).header("host", "localhost").body(Full::default()).unwrap();
        Ok(connection.send(request).await?.into_body())
    }

    #[tokio::test]
    async fn a_server_that_is_trusted_is_talked_to() {
        let (endpoint, roots) = serve().await;
        let connection = Connection::to(&endpoint).unwrap();
        connection.trust.set(trusting(roots).unwrap()).unwrap();
        assert_eq!(ask(&connection, "/a").await.unwrap(), "/a");
        assert_eq!(ask(&connection, "/b").await.unwrap(), "/b");
    }

    #[tokio::test]
    async fn another_is_not() {
        let (endpoint, _) = serve().await;
        let (_, others) = serve().await;
        let connection = Connection::to(&endpoint).unwrap();
        connection.trust.set(trusting(others).unwrap()).unwrap();
        let error = ask(&connection, "/a").await.unwrap_err().to_string();
        assert!(error.contains("certificate"), "{error}");
    }

    #[test]
    fn an_address_has_a_scheme_and_a_host() {
        let port = |text: &str| Connection::to(&text.parse().unwrap()).map(|connection| connection.port);
        assert_eq!(port("https://lambda.eu-west-1.amazonaws.com"), Some(443));
        assert_eq!(port("http://[::1]"), Some(80));
        assert_eq!(port("http://127.0.0.1:3001/base"), Some(3_001));
        assert_eq!((port("ftp://a"), port("/a"), port("localhost")), (None, None, None));
    }
}
