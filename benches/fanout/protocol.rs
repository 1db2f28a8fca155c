//! What the load client says to a server: one description for each protocol, so that the client itself knows none.

use channel_layers::message;
use channel_layers::protocol::{ClientFrame, Encoding, ServerFrame};

use crate::frame::{Kind, masked};
use crate::mark::Mark;

/// The group that everybody is in.
const GROUP: &str = "g";

/// The size of a message, written as JSON.
const MESSAGE_BYTES: usize = 128;

/// How one talks to a server. Frames are ready to be written.
pub(crate) struct Protocol {
    /// What a member asks for, and what the publisher does.
    pub(crate) path: &'static str,
    pub(crate) publisher_path: &'static str,
    pub(crate) subprotocol: Option<&'static str>,
    /// Whether the server sends a frame before it is asked for anything.
    pub(crate) greets: bool,
    /// What every client sends at first, each once the one before is answered, which takes one frame.
    pub(crate) hello: Vec<Vec<u8>>,
    /// What a member sends then, and is answered likewise. Without it a client is a member by being there.
    pub(crate) join: Option<Vec<u8>>,
    /// A broadcast, with a mark to write over.
    pub(crate) publish: Vec<u8>,
    /// Pings of the protocol's own, and their answers.
    pub(crate) pings: Vec<(Vec<u8>, Vec<u8>)>,
}

/// A message with a mark: a map, as the gateway's messages and Django's are.
fn text() -> String {
    let empty = r#"{"type":"bench.message","text":""}"#.len();
    format!("{:x<1$}", Mark { time: 0, number: 0 }.text(), MESSAGE_BYTES - empty)
}

fn json() -> String {
    format!(r#"{{"type":"bench.message","text":"{}"}}"#, text())
}

fn say(text: &str) -> Vec<u8> {
    masked(Kind::Text, text.as_bytes())
}

/// The gateway's own (PROTOCOL.md).
pub(crate) fn gateway(encoding: Encoding) -> Protocol {
    let (kind, subprotocol) = match encoding {
        Encoding::Json => (Kind::Text, "channel-layers.v1.json"),
        Encoding::Msgpack => (Kind::Binary, "channel-layers.v1.msgpack"),
    };
    let frame = |frame: ClientFrame| masked(kind, &frame.encode(encoding));
    let message = message! { "type": "bench.message", "text": text() };
    Protocol {
        path: "/ws",
        publisher_path: "/ws",
        subprotocol: Some(subprotocol),
        greets: false,
        hello: vec![frame(ClientFrame::Connect { id: 1, token: None, client: None })],
        join: Some(frame(ClientFrame::GroupAdd { id: 2, group: GROUP.into(), recover: None })),
        publish: frame(ClientFrame::GroupSend { id: None, group: GROUP.into(), message }),
        pings: vec![(ServerFrame::Ping.encode(encoding).to_vec(), frame(ClientFrame::Pong))],
    }
}

/// Of `benches/peers/uws.js`, which has no protocol but this.
pub(crate) fn uws() -> Protocol {
    Protocol {
        path: "/",
        publisher_path: "/",
        subprotocol: None,
        greets: false,
        hello: Vec::new(),
        join: Some(say("join")),
        publish: say(&json()),
        pings: Vec::new(),
    }
}

/// Engine.IO 4 with Socket.IO 5 on it; the events are those of `benches/peers/socketio.js`.
pub(crate) fn socket_io() -> Protocol {
    let path = "/socket.io/?EIO=4&transport=websocket";
    Protocol {
        path,
        publisher_path: path,
        subprotocol: None,
        greets: true,
        hello: vec![say("40")],
        join: Some(say(r#"420["join"]"#)),
        publish: say(&format!(r#"42["publish",{}]"#, json())),
        pings: vec![(b"2".to_vec(), say("3"))],
    }
}

/// The first version of centrifuge's JSON protocol, which Debian's version speaks; methods are numbers.
pub(crate) fn centrifuge() -> Protocol {
    Protocol {
        path: "/connection",
        publisher_path: "/connection",
        subprotocol: None,
        greets: false,
        hello: vec![say(r#"{"id":1,"method":0,"params":{}}"#)],
        join: Some(say(&format!(r#"{{"id":2,"method":1,"params":{{"channel":"{GROUP}"}}}}"#))),
        publish: say(&format!(r#"{{"id":3,"method":3,"params":{{"channel":"{GROUP}","data":{}}}}}"#, json())),
        pings: vec![(b"{}".to_vec(), say("{}"))],
    }
}

/// Of `benches/peers/channels_app.py`: a client is in the group before its WebSocket is accepted.
pub(crate) fn channels() -> Protocol {
    Protocol {
        path: "/member",
        publisher_path: "/publisher",
        subprotocol: None,
        greets: false,
        hello: Vec::new(),
        join: None,
        publish: say(&json()),
        pings: Vec::new(),
    }
}
