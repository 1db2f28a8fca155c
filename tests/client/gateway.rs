//! A gateway that the test plays: it accepts, and then says and expects frame by frame what the test tells it to.

use std::time::Duration;

use bytes::Bytes;
use channel_layers::client::{Client, ClientConfig};
use channel_layers::protocol::{
    ClientFrame, CloseCode, CloseReason, Encoding, ErrorCode, Recover, ServerFrame, Target, Welcome,
};
use channel_layers::{ChannelName, GroupName, Message};
use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message as WsMessage;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::{WebSocketStream, accept_hdr_async};

/// Longer than any test waits for anything that happens.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A gateway played by the test.
pub(crate) struct Gateway {
    listener: TcpListener,
}

impl Gateway {
    pub(crate) async fn new() -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").await.unwrap() }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.listener.local_addr().unwrap())
    }

    pub(crate) fn client(&self, config: ClientConfig) -> Client {
        Client::connect(&self.url(), config).unwrap()
    }

    /// The next connection, before `connect`.
    pub(crate) async fn accept(&self) -> Connection {
        let (stream, _) = timeout(PATIENCE, self.listener.accept()).await.expect("a connection").unwrap();
        let mut encoding = None;
        #[expect(clippy::result_large_err, reason = "the library's type")]
        let negotiate = |request: &Request, mut response: Response| {
            assert_eq!(request.uri().path(), "/ws");
            let offered = request.headers()["sec-websocket-protocol"].clone();
            encoding = Encoding::from_subprotocol(offered.to_str().unwrap());
            response.headers_mut().insert("sec-websocket-protocol", offered);
            Ok(response)
        };
        let socket = accept_hdr_async(stream, negotiate).await.unwrap();
        Connection { socket, encoding: encoding.expect("a known subprotocol") }
    }

    /// The next connection, welcomed.
    pub(crate) async fn welcome(&self) -> Connection {
        let mut connection = self.accept().await;
        connection.welcome(None).await;
        connection
    }
}

pub(crate) struct Connection {
    socket: WebSocketStream<TcpStream>,
    pub(crate) encoding: Encoding,
}

impl Connection {
    /// The next frame, or nothing once the client has closed.
    pub(crate) async fn next(&mut self) -> Option<ClientFrame> {
        loop {
            let message = timeout(PATIENCE, self.socket.next()).await.expect("a frame");
            let bytes: Bytes = match message {
                Some(Ok(WsMessage::Text(text))) if self.encoding == Encoding::Json => text.into(),
                Some(Ok(WsMessage::Binary(bytes))) if self.encoding == Encoding::Msgpack => bytes,
                // The library answers pings and close frames with the next read.
                Some(Ok(WsMessage::Ping(_) | WsMessage::Pong(_) | WsMessage::Close(_))) => continue,
                Some(Err(_)) | None => return None,
                Some(Ok(other)) => panic!("not a frame in {:?}: {other:?}", self.encoding),
            };
            return Some(ClientFrame::decode(self.encoding, &bytes).unwrap());
        }
    }

    pub(crate) async fn frame(&mut self) -> ClientFrame {
        self.next().await.expect("the client is connected")
    }

    pub(crate) async fn send(&mut self, frame: ServerFrame) {
        let bytes = frame.encode(self.encoding);
        self.socket
            .send(match self.encoding {
                Encoding::Json => WsMessage::Text(bytes.try_into().unwrap()),
                Encoding::Msgpack => WsMessage::Binary(bytes),
            })
            .await
            .unwrap();
    }

    /// Takes `connect`, welcomes, and gives the token.
    pub(crate) async fn welcome(&mut self, expires: Option<Duration>) -> Option<String> {
        let ClientFrame::Connect { id, token, .. } = self.frame().await else { panic!("connect comes first") };
        self.send(ServerFrame::Welcome(welcome(id, expires))).await;
        token
    }

    pub(crate) async fn ok(&mut self, id: u64) {
        self.send(ServerFrame::Ok { id, group: None, joined: None, expires: None }).await;
    }

    pub(crate) async fn error(&mut self, id: u64, code: ErrorCode) {
        let (reason, temporary) = ("so it is".into(), code.is_temporary());
        self.send(ServerFrame::Error { id: Some(id), code, reason, temporary, retry_after: None }).await;
    }

    /// Takes a `group_add` and agrees.
    pub(crate) async fn add(&mut self, expected: &str) -> Option<Recover> {
        let ClientFrame::GroupAdd { id, group, recover } = self.frame().await else { panic!("group_add is next") };
        assert_eq!(group, expected);
        self.ok(id).await;
        recover
    }

    /// Takes a `group_send` and agrees.
    pub(crate) async fn group_send(&mut self) -> Message {
        let ClientFrame::GroupSend { id, message, .. } = self.frame().await else { panic!("group_send is next") };
        self.ok(id.unwrap()).await;
        message
    }

    pub(crate) async fn message(&mut self, group: &str, message: Message, offset: Option<u64>) {
        let target = Target::Group(GroupName::new(group).unwrap());
        self.send(ServerFrame::Message { target, message, offset }).await;
    }

    pub(crate) async fn close(mut self, code: CloseCode, reason: &CloseReason) {
        let reason = reason.to_text().into();
        self.socket.close(Some(CloseFrame { code: code.0.into(), reason })).await.unwrap();
        while let Some(Ok(_)) = self.socket.next().await {}
    }
}

pub(crate) fn welcome(id: u64, expires: Option<Duration>) -> Welcome {
    Welcome {
        id,
        channel: ChannelName::new("specific.a!b").unwrap(),
        user: Some("ada".into()),
        groups: Vec::new(),
        ping: Duration::from_secs(25),
        pong: Duration::from_secs(8),
        expires,
        frame_limit: 1_000,
        group_limit: 100,
        version: "test".into(),
    }
}
