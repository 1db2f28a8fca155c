//! The gateway behind TLS, its own and that of an application's server: the same path, one record for what goes out together,
//! and certificates that are changed while it serves.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};

use axum::serve::Listener;
use channel_layers::gateway::{Gateway, GatewayConfig, Tls};
use channel_layers::layer::{ChannelLayer, Layer};
use channel_layers::{ErrorKind, GroupName, message};
use futures_util::{SinkExt, StreamExt};
use rig::{Authority, within};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use crate::support::eventually;

/// The kind of a record that carries data (RFC 8446, section 5.1).
const APPLICATION_DATA: u8 = 23;

struct Secure(TcpListener, TlsAcceptor);

impl Listener for Secure {
    type Io = server::TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        let (stream, peer) = self.0.accept().await.unwrap();
        (self.1.accept(stream).await.unwrap(), peer)
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

/// A stream that notes what it reads.
struct Tap(TcpStream, Arc<Mutex<Vec<u8>>>);

impl AsyncRead for Tap {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.0).poll_read(cx, buffer))?;
        self.1.lock().unwrap().extend_from_slice(&buffer.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Tap {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// The kinds of the whole records among these bytes.
fn records(mut bytes: &[u8]) -> Vec<u8> {
    let mut kinds = Vec::new();
    while let [kind, _, _, high, low, rest @ ..] = bytes {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        kinds.push(*kind);
        bytes = &rest[length..];
    }
    kinds
}

fn acceptor(authority: &Authority) -> TlsAcceptor {
    let identity = authority.server();
    let chain = vec![CertificateDer::from_pem_file(&identity.certificate).unwrap()];
    let key = PrivateKeyDer::from_pem_file(&identity.key).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    TlsAcceptor::from(Arc::new(config.with_no_client_auth().with_single_cert(chain, key).unwrap()))
}

/// A TLS connection of a client that trusts this authority.
async fn secure(
    address: SocketAddr,
    authority: &Authority,
    seen: &Arc<Mutex<Vec<u8>>>,
) -> std::io::Result<client::TlsStream<Tap>> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(authority.certificate()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let tap = Tap(TcpStream::connect(address).await.unwrap(), Arc::clone(seen));
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, tap).await
}

type Socket = WebSocketStream<client::TlsStream<Tap>>;

async fn connect(address: SocketAddr, authority: &Authority, seen: &Arc<Mutex<Vec<u8>>>) -> Socket {
    let stream = secure(address, authority, seen).await.unwrap();
    tokio_tungstenite::client_async("wss://localhost/ws", stream).await.unwrap().0
}

async fn ask(socket: &mut Socket, frame: &str) -> String {
    socket.send(Message::text(frame)).await.unwrap();
    within("an answer", socket.next()).await.unwrap().unwrap().to_text().unwrap().to_owned()
}

/// That what is sent while the gateway's thread is busy comes in one record.
async fn expect_one_record(address: SocketAddr, authority: &Authority, layer: &Layer) {
    let seen = Arc::default();
    let mut socket = within("a TLS connection", connect(address, authority, &seen)).await;
    ask(&mut socket, r#"{"op":"connect","id":1}"#).await;
    ask(&mut socket, r#"{"op":"group_add","id":2,"group":"g"}"#).await;
    let before = seen.lock().unwrap().len();
    // One thread runs the test and the gateway, so all are sent before the first goes out.
    let group = GroupName::new("g").unwrap();
    for n in 0..16 {
        layer.group_send(&group, message! { "n": n, "text": "x".repeat(128) }).await.unwrap();
    }
    for n in 0..16 {
        let message = within("a message", socket.next()).await.unwrap().unwrap();
        assert!(message.to_text().unwrap().contains(&format!(r#""n":{n},"#)), "{message}");
    }
    assert_eq!(records(&seen.lock().unwrap()[before..]), [APPLICATION_DATA]);
}

/// A gateway with TLS of its own, which shows this authority's certificate.
async fn serve(authority: &Authority) -> (Gateway, Tls, SocketAddr, JoinHandle<channel_layers::Result<()>>) {
    let identity = authority.server();
    let tls = Tls::from_pem_files(&identity.certificate, &identity.key).unwrap();
    let gateway = Gateway::new(Layer::default(), GatewayConfig::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (serving, listener) =
        (gateway.clone(), channel_layers::gateway::Listener::from(listener).with_tls(tls.clone()));
    let task = tokio::spawn(async move { serving.serve(listener, std::future::pending()).await });
    (gateway, tls, address, task)
}

#[tokio::test]
async fn behind_an_application_what_goes_out_together_is_one_record() {
    let authority = Authority::new();
    let layer = Layer::default();
    let gateway = Gateway::new(layer.clone(), GatewayConfig::default());
    let listener = Secure(TcpListener::bind("127.0.0.1:0").await.unwrap(), acceptor(&authority));
    let address = listener.local_addr().unwrap();
    let application = tokio::spawn(axum::serve(listener, gateway.router()).into_future());
    expect_one_record(address, &authority, &layer).await;
    gateway.shutdown().await;
    application.abort();
}

#[tokio::test]
async fn with_tls_of_its_own_what_goes_out_together_is_one_record() {
    let authority = Authority::new();
    let (gateway, _tls, address, task) = serve(&authority).await;
    expect_one_record(address, &authority, gateway.layer()).await;
    task.abort();
}

#[tokio::test]
async fn new_certificates_are_for_new_connections_and_bad_ones_for_nobody() {
    let (old, new) = (Authority::new(), Authority::new());
    let (gateway, tls, address, task) = serve(&old).await;
    let seen = Arc::default();
    let mut open = connect(address, &old, &seen).await;
    ask(&mut open, r#"{"op":"connect","id":1}"#).await;

    // A certificate without its key, then no certificate at all: what there was stays.
    std::fs::copy(&new.server().certificate, &old.server().certificate).unwrap();
    let error = tls.reload().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("do not belong together"), "{error}");
    std::fs::write(&old.server().certificate, "nothing").unwrap();
    let error = tls.reload().unwrap_err().to_string();
    assert!(error.contains("holds no certificate in PEM"), "{error}");
    assert!(secure(address, &old, &seen).await.is_ok());

    new.server().replace(old.server());
    tls.reload().unwrap();
    let fresh = secure(address, &new, &seen).await.unwrap();
    assert_eq!(fresh.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    assert!(secure(address, &old, &seen).await.is_err(), "nobody shows the old certificate any more");
    let answer = ask(&mut open, r#"{"op":"group_add","id":2,"group":"g"}"#).await;
    assert!(answer.starts_with(r#"{"op":"ok","id":2"#), "{answer}");
    eventually("a failed handshake counts", || gateway.stats().handshake_failures == 1).await;
    task.abort();
}

#[tokio::test]
async fn a_client_without_tls_is_turned_away_and_counted() {
    let authority = Authority::new();
    let (gateway, _tls, address, task) = serve(&authority).await;
    let mut plain = TcpStream::connect(address).await.unwrap();
    plain.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    // It may be told so by an alert of TLS, or by a reset.
    let _ = within("the end", plain.read_to_end(&mut answer)).await;
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    eventually("it counts", || gateway.stats().handshake_failures == 1).await;
    connect(address, &authority, &Arc::default()).await;
    task.abort();
}
