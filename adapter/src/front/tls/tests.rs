use std::{fs, net::SocketAddr, num::NonZeroUsize, time::Duration};

use http::Response;
use rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::oneshot,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::*;
use crate::{
    body::Body,
    front::{Limits, Listening, serve},
};

/// A folder with a certificate for `localhost` and its key.
fn write(folder: &TempDir) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    fs::write(folder.path().join("cert.pem"), made.cert.pem()).unwrap();
    fs::write(folder.path().join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    made.cert.der().clone()
}

fn load(folder: &TempDir) -> Result<Arc<Certificates>, CertificateError> {
    Certificates::load(&folder.path().join("cert.pem"), &folder.path().join("key.pem"))
}

async fn connect(
    address: SocketAddr,
    trusted: &CertificateDer<'static>,
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let stream = TcpStream::connect(address).await?;
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), stream).await
}

async fn ask(stream: &mut TlsStream<TcpStream>) -> String {
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut answer = [0; 512];
    let read = stream.read(&mut answer).await.unwrap();
    String::from_utf8(answer[..read].to_vec()).unwrap()
}

#[tokio::test]
async fn a_new_certificate_is_for_new_connections_and_a_broken_one_for_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let first = write(&folder);
    let certificates = load(&folder).unwrap();
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let listening = Listening::bind(any, NonZeroUsize::MIN).unwrap().encrypted(&certificates);
    let address = listening.local_addr();
    let (stop, stopped) = oneshot::channel::<()>();
    let stopped = async {
        let _dropped = stopped.await;
    };
    let front = tokio::spawn(serve(listening, Limits::default(), stopped, Arc::new(()), |_, _| async {
        Response::new(Body::whole("private"))
    }));

    let mut standing = connect(address, &first).await.unwrap();
    assert_eq!(standing.get_ref().1.alpn_protocol(), Some(b"http/1.1".as_slice()));
    assert!(ask(&mut standing).await.ends_with("private"));

    let second = write(&folder);
    let put_to_use = certificates.read_again().unwrap();
    assert!(ask(&mut connect(address, &first).await.unwrap()).await.ends_with("private"), "not yet");
    put_to_use();
    assert!(ask(&mut standing).await.ends_with("private"), "the standing connection stands");
    assert!(connect(address, &first).await.is_err());
    assert!(ask(&mut connect(address, &second).await.unwrap()).await.ends_with("private"));

    fs::write(folder.path().join("cert.pem"), "broken").unwrap();
    assert!(certificates.read_again().is_err());
    assert!(ask(&mut connect(address, &second).await.unwrap()).await.ends_with("private"));

    stop.send(()).unwrap();
    assert_eq!(standing.read(&mut [0; 1]).await.unwrap(), 0, "told that it is over");
    front.await.unwrap().unwrap();
}

#[tokio::test]
async fn who_does_not_speak_tls_in_time_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let trusted = write(&folder);
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let listening = Listening::bind(any, NonZeroUsize::MIN).unwrap().encrypted(&load(&folder).unwrap());
    let address = listening.local_addr();
    let limits = Limits { handshake: Duration::from_secs(1), ..Limits::default() };
    let front = tokio::spawn(serve(listening, limits, std::future::pending(), Arc::new(()), |_, _| async {
        Response::new(Body::whole("private"))
    }));

    // The first bytes of a client's hello, and no more.
    let mut silent = TcpStream::connect(address).await.unwrap();
    silent.write_all(&[22, 3, 1]).await.unwrap();
    let mut spoken = connect(address, &trusted).await.unwrap();
    let end = tokio::time::timeout(PATIENCE, silent.read(&mut [0; 64])).await.expect("it is closed");
    assert!(matches!(end, Ok(0) | Err(_)), "{end:?}");
    assert!(ask(&mut spoken).await.ends_with("private"), "who has spoken is welcome");
    front.abort();
}

/// Only waited for when something is wrong.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn what_is_wrong_is_told_by_file() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(load(&folder), Err(CertificateError::Certificate { .. })));
    write(&folder);
    let key = fs::read(folder.path().join("key.pem")).unwrap();
    fs::write(folder.path().join("key.pem"), "-----BEGIN NOTHING-----").unwrap();
    assert!(matches!(load(&folder), Err(CertificateError::Key { .. })));
    write(&folder);
    fs::write(folder.path().join("key.pem"), key).unwrap();
    let told = load(&folder).unwrap_err().to_string();
    assert!(told.contains("does not belong to the certificate in") && told.contains("cert.pem"), "{told}");
    fs::write(folder.path().join("cert.pem"), "").unwrap();
    assert!(matches!(load(&folder), Err(CertificateError::Certificate { .. })));
}
