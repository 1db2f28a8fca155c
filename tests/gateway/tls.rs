//! The gateway's routes behind a TLS server of the application: the same path, and one record for what goes out together.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};

use axum::serve::Listener;
use channel_layers::gateway::{Gateway, GatewayConfig};
use channel_layers::layer::{ChannelLayer, Layer};
use channel_layers::{GroupName, message};
use futures_util::{SinkExt, StreamExt};
use rig::{Authority, within};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

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

async fn connect(
    address: SocketAddr,
    authority: &Authority,
    seen: &Arc<Mutex<Vec<u8>>>,
) -> WebSocketStream<client::TlsStream<Tap>> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(authority.certificate()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(roots).with_no_client_auth();
    let tap = Tap(TcpStream::connect(address).await.unwrap(), Arc::clone(seen));
    let name = ServerName::try_from("localhost").unwrap();
    let stream = TlsConnector::from(Arc::new(config)).connect(name, tap).await.unwrap();
    tokio_tungstenite::client_async("wss://localhost/ws", stream).await.unwrap().0
}

#[tokio::test]
async fn what_goes_out_together_is_one_record() {
    let authority = Authority::new();
    let layer = Layer::default();
    let gateway = Gateway::new(layer.clone(), GatewayConfig::default());
    let listener = Secure(TcpListener::bind("127.0.0.1:0").await.unwrap(), acceptor(&authority));
    let address = listener.local_addr().unwrap();
    let application = tokio::spawn(axum::serve(listener, gateway.router()).into_future());
    let seen = Arc::default();
    let mut socket = within("a TLS connection", connect(address, &authority, &seen)).await;
    for frame in [r#"{"op":"connect","id":1}"#, r#"{"op":"group_add","id":2,"group":"g"}"#] {
        socket.send(Message::text(frame)).await.unwrap();
        within("an answer", socket.next()).await.unwrap().unwrap();
    }
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
    gateway.shutdown().await;
    application.abort();
}
