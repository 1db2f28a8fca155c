//! What a client says to the gateway.

use bytes::Bytes;

use super::{Fields, FrameError, POSITIVE, excerpt, positive, text, writer};
use crate::protocol::raw::{MapWriter, Raw, Scalar};
use crate::protocol::{Encoding, ErrorCode, MAX_DEPTH, Message};

/// A frame from a client to the gateway.
#[derive(Clone, Debug, PartialEq)]
pub enum ClientFrame {
    /// The first frame of a connection.
    Connect {
        /// The request's id.
        id: u64,
        /// Who the client is, for gateways that ask.
        token: Option<String>,
        /// Name and version of the client's software, for logs.
        client: Option<String>,
    },
    /// Joins a group.
    GroupAdd {
        /// The request's id.
        id: u64,
        /// The group's name, not yet checked.
        group: String,
        /// The last position that the client saw, for groups with history.
        recover: Option<Recover>,
    },
    /// Leaves a group.
    GroupDiscard {
        /// The request's id.
        id: u64,
        /// The group's name, not yet checked.
        group: String,
    },
    /// Sends a message to a group.
    GroupSend {
        /// The request's id; without one there is no answer.
        id: Option<u64>,
        /// The group's name, not yet checked.
        group: String,
        /// The message.
        message: Message,
    },
    /// Sends a message to a channel.
    Send {
        /// The request's id; without one there is no answer.
        id: Option<u64>,
        /// The channel's name, not yet checked.
        channel: String,
        /// The message.
        message: Message,
    },
    /// Replaces the token of the connection by a fresh one.
    Refresh {
        /// The request's id.
        id: u64,
        /// The fresh token.
        token: String,
    },
    /// Answers a ping.
    Pong,
}

/// A position in a group's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recover {
    /// Which log the offset belongs to.
    pub epoch: String,
    /// The last message seen.
    pub offset: u64,
}

const KNOWN: &[&str] = &["op", "id", "group", "channel", "message", "token", "client", "recover"];

impl ClientFrame {
    /// Reads a frame.
    ///
    /// # Errors
    ///
    /// [`FrameError::Malformed`] where the bytes are not a map with an `op`; [`FrameError::Request`] where the `op` is
    /// unknown or a field is missing or wrong.
    pub fn decode(encoding: Encoding, bytes: &Bytes) -> Result<Self, FrameError> {
        let (op, fields) = Fields::read(encoding, bytes, KNOWN)?;
        fields.finish(match op.as_str() {
            "connect" => Self::connect(&fields),
            "group_add" => Self::group_add(&fields),
            "group_discard" => Self::group_discard(&fields),
            "group_send" => Self::group_send(&fields),
            "send" => Self::send(&fields),
            "refresh" => Self::refresh(&fields),
            "pong" => Some(ClientFrame::Pong),
            _ => return Err(fields.fail(ErrorCode::UNKNOWN_OP, format!("there is no op {:?}", excerpt(&op)))),
        })
    }

    fn connect(fields: &Fields<'_>) -> Option<Self> {
        let (token, client) = (fields.want_text("token")?, fields.want_text("client")?);
        Some(ClientFrame::Connect { id: need_id(fields)?, token, client })
    }

    fn group_add(fields: &Fields<'_>) -> Option<Self> {
        let recover = fields.want("recover", "a map with text \"epoch\" and integer \"offset\"", Recover::read)?;
        Some(ClientFrame::GroupAdd { id: need_id(fields)?, group: fields.text("group")?, recover })
    }

    fn group_discard(fields: &Fields<'_>) -> Option<Self> {
        Some(ClientFrame::GroupDiscard { id: need_id(fields)?, group: fields.text("group")? })
    }

    fn group_send(fields: &Fields<'_>) -> Option<Self> {
        let (group, message) = (fields.text("group")?, need_message(fields)?);
        Some(ClientFrame::GroupSend { id: fields.want("id", POSITIVE, positive)?, group, message })
    }

    fn send(fields: &Fields<'_>) -> Option<Self> {
        let (channel, message) = (fields.text("channel")?, need_message(fields)?);
        Some(ClientFrame::Send { id: fields.want("id", POSITIVE, positive)?, channel, message })
    }

    fn refresh(fields: &Fields<'_>) -> Option<Self> {
        Some(ClientFrame::Refresh { id: need_id(fields)?, token: fields.text("token")? })
    }

    /// The number that the answer is to carry, where there is to be one.
    pub fn id(&self) -> Option<u64> {
        match self {
            ClientFrame::Connect { id, .. }
            | ClientFrame::GroupAdd { id, .. }
            | ClientFrame::GroupDiscard { id, .. }
            | ClientFrame::Refresh { id, .. } => Some(*id),
            ClientFrame::GroupSend { id, .. } | ClientFrame::Send { id, .. } => *id,
            ClientFrame::Pong => None,
        }
    }

    /// Writes the frame.
    pub fn encode(&self, encoding: Encoding) -> Bytes {
        match self {
            ClientFrame::Connect { id, token, client } => {
                let mut writer = writer(encoding, "connect", Some(*id));
                put_text(&mut writer, "token", token.as_deref());
                put_text(&mut writer, "client", client.as_deref());
                writer.finish()
            }
            ClientFrame::GroupAdd { id, group, recover } => {
                let mut writer = writer(encoding, "group_add", Some(*id));
                writer.put("group", Scalar::Str(group));
                if let Some(recover) = recover {
                    writer.put("recover", Scalar::Raw(&recover.write(encoding)));
                }
                writer.finish()
            }
            ClientFrame::GroupDiscard { id, group } => {
                let mut writer = writer(encoding, "group_discard", Some(*id));
                writer.put("group", Scalar::Str(group));
                writer.finish()
            }
            ClientFrame::GroupSend { id, group: name, message } => {
                send(encoding, "group_send", *id, "group", name, message)
            }
            ClientFrame::Send { id, channel: name, message } => send(encoding, "send", *id, "channel", name, message),
            ClientFrame::Refresh { id, token } => {
                let mut writer = writer(encoding, "refresh", Some(*id));
                writer.put("token", Scalar::Str(token));
                writer.finish()
            }
            ClientFrame::Pong => writer(encoding, "pong", None).finish(),
        }
    }
}

fn need_id(fields: &Fields<'_>) -> Option<u64> {
    fields.need("id", POSITIVE, positive)
}

fn need_message(fields: &Fields<'_>) -> Option<Message> {
    fields.need("message", "a map", Raw::message)
}

fn send(encoding: Encoding, op: &str, id: Option<u64>, key: &str, name: &str, message: &Message) -> Bytes {
    let mut writer = writer(encoding, op, id);
    writer.put(key, Scalar::Str(name));
    writer.put("message", Scalar::Raw(message.bytes(encoding)));
    writer.finish()
}

fn put_text(writer: &mut MapWriter, key: &str, text: Option<&str>) {
    if let Some(text) = text {
        writer.put(key, Scalar::Str(text));
    }
}

impl Recover {
    fn read(raw: &Raw<'_>) -> Option<Self> {
        let (mut epoch, mut offset) = (None, None);
        raw.entries(MAX_DEPTH, &mut |key, value| match key {
            "epoch" => epoch = text(&value),
            "offset" => offset = value.uint(),
            _ => {}
        })
        .ok()?;
        Some(Self { epoch: epoch?, offset: offset? })
    }

    fn write(&self, encoding: Encoding) -> Bytes {
        let mut writer = MapWriter::new(encoding);
        writer.put("epoch", Scalar::Str(&self.epoch));
        writer.put("offset", Scalar::Uint(self.offset));
        writer.finish()
    }
}
