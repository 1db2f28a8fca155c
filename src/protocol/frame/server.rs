//! What the gateway says to a client.

use std::time::Duration;

use bytes::Bytes;

use super::{Fields, FrameError, POSITIVE, positive, writer};
use crate::protocol::raw::{MapWriter, Raw, Scalar};
use crate::protocol::{ChannelName, Encoding, ErrorCode, GroupCode, GroupName, MAX_DEPTH, Message};

/// A frame from the gateway to a client.
#[derive(Clone, Debug, PartialEq)]
pub enum ServerFrame {
    /// The connection is accepted: the answer to `connect`.
    Welcome(Welcome),
    /// A request succeeded.
    Ok {
        /// The request's id.
        id: u64,
        /// Of `group_add`: the group.
        group: Option<GroupName>,
        /// Of `group_add` to a group with history.
        joined: Option<Joined>,
        /// Of `refresh`: when the token ends, from now.
        expires: Option<Duration>,
    },
    /// A request failed.
    Error {
        /// The request's id, where it had one.
        id: Option<u64>,
        /// What failed.
        code: ErrorCode,
        /// Why, for people.
        reason: String,
        /// Whether trying again can succeed.
        temporary: bool,
        /// How long to wait before that.
        retry_after: Option<Duration>,
    },
    /// A message for this connection or for a group that it is in.
    Message {
        /// Where it was sent to.
        target: Target,
        /// The message.
        message: Message,
        /// Its position in the group's history.
        offset: Option<u64>,
    },
    /// The gateway removed this connection from a group.
    GroupDiscarded {
        /// The group.
        group: GroupName,
        /// Why, and whether to join again.
        code: GroupCode,
        /// The same for people.
        reason: String,
    },
    /// Asks for a `pong`.
    Ping,
}

/// Where a message was sent to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// A group.
    Group(GroupName),
    /// A channel: the connection's own.
    Channel(ChannelName),
}

/// What the gateway says when it accepts a connection.
#[derive(Clone, Debug, PartialEq)]
pub struct Welcome {
    /// The id of the `connect` request.
    pub id: u64,
    /// The connection's own channel.
    pub channel: ChannelName,
    /// Who the client is to the gateway.
    pub user: Option<String>,
    /// The groups that the connection is in without having asked, by its token or the gateway's authorizer.
    pub groups: Vec<GroupName>,
    /// How often the gateway sends a ping.
    pub ping: Duration,
    /// How long it waits for the pong.
    pub pong: Duration,
    /// When the token ends, from now.
    pub expires: Option<Duration>,
    /// The largest frame that the gateway takes, in bytes.
    pub frame_limit: u64,
    /// How many groups the connection may be in.
    pub group_limit: u64,
    /// The version of the gateway's software.
    pub version: String,
}

/// What joining a group with history tells.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Joined {
    /// Which log the offsets belong to.
    pub epoch: String,
    /// The newest message's offset.
    pub offset: u64,
    /// Whether `messages` is everything since the position that was asked for.
    pub recovered: bool,
    /// The messages since then, oldest first, with their offsets.
    pub messages: Vec<(Message, u64)>,
}

const KNOWN: &[&str] = &[
    "op",
    "id",
    "channel",
    "user",
    "groups",
    "ping",
    "pong",
    "expires",
    "limits",
    "version",
    "group",
    "epoch",
    "offset",
    "recovered",
    "messages",
    "code",
    "reason",
    "temporary",
    "retry_after",
    "message",
];

const GROUP: &str = "a group name";
const CHANNEL: &str = "a channel name";
const SECONDS: &str = "a number of seconds";

impl ServerFrame {
    /// Reads a frame. Nothing is returned for an `op` that this version does not know, which a client ignores.
    ///
    /// # Errors
    ///
    /// [`FrameError`] where the bytes are not a frame, or a field is missing or wrong.
    pub fn decode(encoding: Encoding, bytes: &Bytes) -> Result<Option<Self>, FrameError> {
        let (op, fields) = Fields::read(encoding, bytes, KNOWN)?;
        let read = match op.as_str() {
            "message" => message(&fields),
            "ok" => ok(&fields),
            "error" => error(&fields),
            "welcome" => Welcome::read(&fields).map(ServerFrame::Welcome),
            "group_discarded" => group_discarded(&fields),
            "ping" => Some(ServerFrame::Ping),
            _ => return Ok(None),
        };
        fields.finish(read).map(Some)
    }

    /// How the JSON of a message's frame begins, up to the message, as [`encode`](Self::encode) writes it: for the group
    /// `name`, or the channel where it is one. Text without a call of the writer, which a browser would have to load; a
    /// name holds nothing to escape.
    pub fn message_head(name: &str, channel: bool) -> String {
        let target = if channel { "channel" } else { "group" };
        ["{\"op\":\"message\",\"", target, "\":\"", name, "\",\"message\":"].concat()
    }

    /// Writes the frame.
    pub fn encode(&self, encoding: Encoding) -> Bytes {
        match self {
            ServerFrame::Welcome(welcome) => welcome.write(encoding),
            ServerFrame::Ok { id, group, joined, expires } => {
                let mut writer = writer(encoding, "ok", Some(*id));
                if let Some(group) = group {
                    writer.put("group", Scalar::Str(group.as_str()));
                }
                if let Some(joined) = joined {
                    joined.write(encoding, &mut writer);
                }
                if let Some(expires) = expires {
                    writer.put_seconds("expires", *expires);
                }
                writer.finish()
            }
            ServerFrame::Error { id, code, reason, temporary, retry_after } => {
                let mut writer = writer(encoding, "error", *id);
                writer.put("code", Scalar::Uint(code.0.into()));
                writer.put("name", Scalar::Str(code.name()));
                writer.put("reason", Scalar::Str(reason));
                writer.put("temporary", Scalar::Bool(*temporary));
                if let Some(wait) = retry_after {
                    writer.put("retry_after", Scalar::Uint(millis(*wait)));
                }
                writer.finish()
            }
            ServerFrame::Message { target, message, offset } => {
                let mut writer = writer(encoding, "message", None);
                match target {
                    Target::Group(group) => writer.put("group", Scalar::Str(group.as_str())),
                    Target::Channel(channel) => writer.put("channel", Scalar::Str(channel.as_str())),
                }
                writer.put("message", Scalar::Raw(message.bytes(encoding)));
                if let Some(offset) = offset {
                    writer.put("offset", Scalar::Uint(*offset));
                }
                writer.finish()
            }
            ServerFrame::GroupDiscarded { group, code, reason } => {
                let mut writer = writer(encoding, "group_discarded", None);
                writer.put("group", Scalar::Str(group.as_str()));
                writer.put("code", Scalar::Uint(code.0.into()));
                writer.put("reason", Scalar::Str(reason));
                writer.finish()
            }
            ServerFrame::Ping => writer(encoding, "ping", None).finish(),
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn group(raw: &Raw<'_>) -> Option<GroupName> {
    GroupName::new(raw.str()?).ok()
}

fn channel(raw: &Raw<'_>) -> Option<ChannelName> {
    ChannelName::new(raw.str()?).ok()
}

fn code(raw: &Raw<'_>) -> Option<u16> {
    raw.uint().and_then(|code| u16::try_from(code).ok())
}

fn message(fields: &Fields<'_>) -> Option<ServerFrame> {
    let target = match fields.want("group", GROUP, group)? {
        Some(group) => Target::Group(group),
        None => Target::Channel(fields.need("channel", CHANNEL, channel)?),
    };
    let message = fields.need("message", "a map", Raw::message)?;
    Some(ServerFrame::Message { target, message, offset: fields.want("offset", "an integer", Raw::uint)? })
}

fn ok(fields: &Fields<'_>) -> Option<ServerFrame> {
    Some(ServerFrame::Ok {
        id: fields.need("id", POSITIVE, positive)?,
        group: fields.want("group", GROUP, group)?,
        joined: Joined::read(fields)?,
        expires: fields.want("expires", SECONDS, Raw::seconds)?,
    })
}

fn group_discarded(fields: &Fields<'_>) -> Option<ServerFrame> {
    Some(ServerFrame::GroupDiscarded {
        group: fields.need("group", GROUP, group)?,
        code: GroupCode(fields.need("code", "a code", code)?),
        reason: fields.want_text("reason")?.unwrap_or_default(),
    })
}

fn error(fields: &Fields<'_>) -> Option<ServerFrame> {
    let code = ErrorCode(fields.need("code", "a code", code)?);
    Some(ServerFrame::Error {
        id: fields.want("id", POSITIVE, positive)?,
        code,
        reason: fields.want_text("reason")?.unwrap_or_default(),
        temporary: fields.want("temporary", "true or false", Raw::bool)?.unwrap_or_else(|| code.is_temporary()),
        retry_after: fields.want("retry_after", "a number of milliseconds", Raw::uint)?.map(Duration::from_millis),
    })
}

impl Welcome {
    fn read(fields: &Fields<'_>) -> Option<Self> {
        let (frame_limit, group_limit) = fields.want("limits", "a map", read_limits)?.unwrap_or((u64::MAX, u64::MAX));
        Some(Self {
            id: fields.need("id", POSITIVE, positive)?,
            channel: fields.need("channel", CHANNEL, channel)?,
            user: fields.want_text("user")?,
            groups: fields.want("groups", "a list of group names", read_groups)?.unwrap_or_default(),
            ping: fields.need("ping", SECONDS, Raw::seconds)?,
            pong: fields.need("pong", SECONDS, Raw::seconds)?,
            expires: fields.want("expires", SECONDS, Raw::seconds)?,
            frame_limit,
            group_limit,
            version: fields.want_text("version")?.unwrap_or_default(),
        })
    }

    fn write(&self, encoding: Encoding) -> Bytes {
        let mut limits = MapWriter::new(encoding);
        limits.put("frame", Scalar::Uint(self.frame_limit));
        limits.put("groups", Scalar::Uint(self.group_limit));
        let mut writer = writer(encoding, "welcome", Some(self.id));
        writer.put("channel", Scalar::Str(self.channel.as_str()));
        if let Some(user) = &self.user {
            writer.put("user", Scalar::Str(user));
        }
        if !self.groups.is_empty() {
            writer.put_texts("groups", self.groups.iter().map(GroupName::as_str));
        }
        writer.put_seconds("ping", self.ping);
        writer.put_seconds("pong", self.pong);
        if let Some(expires) = self.expires {
            writer.put_seconds("expires", expires);
        }
        writer.put("limits", Scalar::Raw(&limits.finish()));
        writer.put("version", Scalar::Str(&self.version));
        writer.finish()
    }
}

impl Joined {
    /// Nothing inside where there is no history.
    fn read(fields: &Fields<'_>) -> Option<Option<Self>> {
        let Some(epoch) = fields.want_text("epoch")? else { return Some(None) };
        let messages = "a list of maps with \"message\" and \"offset\"";
        Some(Some(Self {
            epoch,
            offset: fields.need("offset", "an integer", Raw::uint)?,
            recovered: fields.want("recovered", "true or false", Raw::bool)?.unwrap_or_default(),
            messages: fields.want("messages", messages, read_messages)?.unwrap_or_default(),
        }))
    }

    fn write(&self, encoding: Encoding, writer: &mut MapWriter) {
        writer.put("epoch", Scalar::Str(&self.epoch));
        writer.put("offset", Scalar::Uint(self.offset));
        writer.put("recovered", Scalar::Bool(self.recovered));
        writer.put_list(
            "messages",
            self.messages.iter().map(|(message, offset)| {
                let mut item = MapWriter::new(encoding);
                item.put("message", Scalar::Raw(message.bytes(encoding)));
                item.put("offset", Scalar::Uint(*offset));
                item.finish()
            }),
        );
    }
}

/// The limits on frames and groups; one that is not there does not limit.
fn read_limits(raw: &Raw<'_>) -> Option<(u64, u64)> {
    let (mut frame, mut groups) = (u64::MAX, u64::MAX);
    raw.entries(MAX_DEPTH, &mut |key, value| match key {
        "frame" => frame = value.uint().unwrap_or(u64::MAX),
        "groups" => groups = value.uint().unwrap_or(u64::MAX),
        _ => {}
    })
    .ok()?;
    Some((frame, groups))
}

fn read_groups(raw: &Raw<'_>) -> Option<Vec<GroupName>> {
    raw.items()?.iter().map(group).collect()
}

fn read_messages(raw: &Raw<'_>) -> Option<Vec<(Message, u64)>> {
    raw.items()?.iter().map(read_message).collect()
}

fn read_message(raw: &Raw<'_>) -> Option<(Message, u64)> {
    let (mut message, mut offset) = (None, None);
    raw.entries(MAX_DEPTH, &mut |key, value| match key {
        "message" => message = value.message(),
        "offset" => offset = value.uint(),
        _ => {}
    })
    .ok()?;
    Some((message?, offset?))
}
