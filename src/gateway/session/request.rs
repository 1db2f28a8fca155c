//! The requests of an open connection: names and types are checked here, before anything outside is asked.

use crate::protocol::{ChannelName, ClientFrame, ErrorCode, GroupName, Message, ServerFrame, Value, excerpt};

use super::{Effect, Kind, Operation, Session};

/// How the names begin of groups that no client may be in or send to.
const RESERVED_GROUPS: &str = "_gateway.";

impl Session {
    pub(super) fn request(&mut self, frame: ClientFrame) -> Effect {
        match frame {
            ClientFrame::Pong => Effect::None,
            ClientFrame::Connect { id, .. } => {
                self.fail(Some(id), ErrorCode::BAD_REQUEST, "this connection is connected already")
            }
            // This gateway keeps no history, so a position to recover from is passed over: the answer has none.
            ClientFrame::GroupAdd { id, group, recover: _ } => self.group_add(id, &group),
            ClientFrame::GroupDiscard { id, group } => self.group_discard(id, &group),
            ClientFrame::GroupSend { id, group, message } => self.group_send(id, group, &message),
            ClientFrame::Send { id, channel, message } => {
                self.send(id, ChannelName::new(channel), &message, Operation::Send)
            }
            ClientFrame::Refresh { id, token } => self.run(Some(id), Kind::Refresh, Operation::Refresh { token }),
        }
    }

    fn group_add(&mut self, id: u64, group: &str) -> Effect {
        let group = match GroupName::new(group) {
            Ok(group) => group,
            Err(e) => return self.fail(Some(id), ErrorCode::INVALID_NAME, e.to_string()),
        };
        if let Err((code, reason)) = check_group(&group) {
            return self.fail(Some(id), code, reason);
        }
        if self.groups.contains(&group) {
            return self.write(&ServerFrame::Ok { id, group: Some(group), joined: None, expires: None });
        }
        if self.groups.len() >= self.config.group_limit {
            let reason = format!("a connection may be in {} groups", self.config.group_limit);
            return self.fail(Some(id), ErrorCode::LIMIT_EXCEEDED, reason);
        }
        self.run(Some(id), Kind::Join(group.clone()), Operation::Join(group))
    }

    fn group_discard(&mut self, id: u64, group: &str) -> Effect {
        match GroupName::new(group) {
            Ok(group) => {
                self.groups.remove(&group);
                self.run(Some(id), Kind::Leave, Operation::Leave(group))
            }
            Err(e) => self.fail(Some(id), ErrorCode::INVALID_NAME, e.to_string()),
        }
    }

    fn group_send(&mut self, id: Option<u64>, group: String, message: &Message) -> Effect {
        let group = GroupName::new(group);
        match group.as_ref().map(check_group) {
            Ok(Err((code, reason))) => self.fail(id, code, reason),
            _ => self.send(id, group, message, Operation::GroupSend),
        }
    }

    fn send<N>(
        &mut self,
        id: Option<u64>,
        name: crate::Result<N>,
        message: &Message,
        operation: fn(N, Message) -> Operation,
    ) -> Effect {
        let name = match name {
            Ok(name) => name,
            Err(e) => return self.fail(id, ErrorCode::INVALID_NAME, e.to_string()),
        };
        if let Err((code, reason)) = check_type(message) {
            return self.fail(id, code, reason);
        }
        let message = message.with_sender(self.user.as_deref());
        self.run(id, Kind::Send, operation(name, message))
    }
}

/// Refuses the groups that gateways talk to each other in.
pub(in crate::gateway) fn check_group(group: &GroupName) -> Result<(), (ErrorCode, String)> {
    if !group.as_str().starts_with(RESERVED_GROUPS) {
        return Ok(());
    }
    let reason = format!("groups that begin with {RESERVED_GROUPS:?} are the gateways' own");
    Err((ErrorCode::PERMISSION_DENIED, reason))
}

/// What every consumer of Django Channels inherits. A type of that name would run it: `close` closes the socket of each
/// consumer in a group, and `send_json` puts what it is given on it. Tested against the real classes.
const INHERITED: [&str; 24] = [
    "accept",
    "as_asgi",
    "base_send",
    "body",
    "channel_layer",
    "channel_layer_alias",
    "channel_name",
    "channel_receive",
    "close",
    "connect",
    "decode_json",
    "disconnect",
    "dispatch",
    "encode_json",
    "groups",
    "handle",
    "receive",
    "receive_json",
    "scope",
    "send",
    "send_body",
    "send_headers",
    "send_json",
    "send_response",
];

/// Refuses the types that a client may not send. A Django consumer runs the method that a message's `type` names, dots
/// taken for underscores, so that is how the name is looked at.
///
/// A message without a `type` passes: a consumer refuses it just as it refuses a type that it has no method for.
pub(in crate::gateway) fn check_type(message: &Message) -> Result<(), (ErrorCode, String)> {
    let kind = match message.get("type") {
        None => return Ok(()),
        Some(Value::Str(kind)) => kind,
        Some(_) => return Err((ErrorCode::BAD_REQUEST, "the message's \"type\" must be text".into())),
    };
    let handler = kind.replace('.', "_");
    let reserved = ["_", "websocket_", "http_", "lifespan_"].iter().any(|family| handler.starts_with(family));
    if reserved || INHERITED.contains(&handler.as_str()) {
        return Err((ErrorCode::RESERVED_TYPE, format!("the type {:?} is reserved for the server", excerpt(&kind))));
    }
    Ok(())
}
