//! One kept connection to Lambda's API, with or without TLS.

use std::{
    cell::RefCell,
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
    /// Whom TLS trusts; `None`: without TLS.
    trust: Option<Arc<ClientConfig>>,
    /// With the moment of its last use.
    kept: RefCell<Option<(SendRequest<Full<Bytes>>, SystemTime)>>,
}

/// Why there will be no connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Unusable {
    /// It has no host, or is neither `http` nor `https`.
    Address,
    NobodyTrusted,
}

type Failure = Box<dyn StdError + Send + Sync>;

impl Connection {
    /// Reads whom the system trusts, if the scheme is `https`: two milliseconds of a whole processor, of which a small function is
    /// given a fourteenth once it has started.
    ///
    /// # Errors
    /// The address is unusable, or nobody is trusted.
    pub(crate) fn to(endpoint: &Uri) -> Result<Self, Unusable> {
        Self::trusting(endpoint, of_the_system)
    }

    fn trusting(
        endpoint: &Uri,
        trust: impl FnOnce() -> Result<RootCertStore, Unusable>,
    ) -> Result<Self, Unusable> {
        let is_tls = match endpoint.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(Unusable::Address),
        };
        let host = endpoint.host().ok_or(Unusable::Address)?.trim_matches(['[', ']']).to_owned();
        let port = endpoint.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        let trust = if is_tls { Some(config(trust()?)) } else { None };
        Ok(Self { host, port, trust, kept: RefCell::default() })
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
        let Some(trust) = &self.trust else { return handshake(tcp).await };
        let name = ServerName::try_from(self.host.clone())?;
        let connector = TlsConnector::from(Arc::clone(trust));
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

/// The certificates that the system trusts, or those that `SSL_CERT_FILE` and `SSL_CERT_DIR` name.
fn of_the_system() -> Result<RootCertStore, Unusable> {
    let mut roots = RootCertStore::empty();
    let (usable, _) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if usable == 0 { Err(Unusable::NobodyTrusted) } else { Ok(roots) }
}

fn config(roots: RootCertStore) -> Arc<ClientConfig> {
    let built = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider has suites of both versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(built)
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
        let connection = Connection::trusting(&endpoint, || Ok(roots)).unwrap();
        assert_eq!(ask(&connection, "/a").await.unwrap(), "/a");
        assert_eq!(ask(&connection, "/b").await.unwrap(), "/b");
    }

    #[tokio::test]
    async fn another_is_not() {
        let (endpoint, _) = serve().await;
        let (_, others) = serve().await;
        let connection = Connection::trusting(&endpoint, || Ok(others)).unwrap();
        let error = ask(&connection, "/a").await.unwrap_err().to_string();
        assert!(error.contains("certificate"), "{error}");
    }

    #[track_caller]
    fn check(endpoint: &str, expected: Result<u16, Unusable>) {
        let made = Connection::trusting(&endpoint.parse().unwrap(), || Ok(RootCertStore::empty()));
        assert_eq!(made.map(|connection| connection.port), expected, "{endpoint}");
    }

    #[test]
    fn an_address_has_a_scheme_and_a_host() {
        check("https://lambda.eu-west-1.amazonaws.com", Ok(443));
        check("http://[::1]", Ok(80));
        check("http://127.0.0.1:3001/base", Ok(3_001));
        for unusable in ["ftp://a", "/a", "localhost"] {
            check(unusable, Err(Unusable::Address));
        }
    }

    #[test]
    fn trust_is_asked_for_before_it_is_needed_and_only_then() {
        let nobody = || Err(Unusable::NobodyTrusted);
        let to = |endpoint: &str| Connection::trusting(&endpoint.parse().unwrap(), nobody).map(drop);
        assert_eq!(to("https://lambda.eu-west-1.amazonaws.com"), Err(Unusable::NobodyTrusted));
        assert_eq!(to("http://127.0.0.1:3001"), Ok(()));
    }
}
