//! One message on its way to any number of clients: written once per encoding, by the first shard that needs it.

use std::sync::{Arc, OnceLock};

use bytes::{Bytes, BytesMut};

use super::roster::Roster;
use super::session::FrameKind;
use super::websocket;
use crate::protocol::{Encoding, Message, ServerFrame, Target};

/// What a message takes on the wire besides its own bytes, roughly: frame header, `op`, the group's name.
const ENVELOPE: usize = 64;

/// How many bytes of frames are put together, so that a member's write of them is one piece.
const MERGED: usize = 64 * 1024;

/// A group's message.
#[derive(Debug)]
pub(crate) struct Delivery {
    roster: Arc<Roster>,
    message: Message,
    frames: [OnceLock<Bytes>; Encoding::ALL.len()],
}

impl Delivery {
    pub(crate) fn new(roster: Arc<Roster>, message: Message) -> Self {
        Self { roster, message, frames: Default::default() }
    }

    /// The group's members.
    pub(crate) fn roster(&self) -> &Arc<Roster> {
        &self.roster
    }

    /// What it counts for where bytes are bounded.
    pub(crate) fn size(&self) -> usize {
        self.message.size() + ENVELOPE
    }

    /// The whole WebSocket frame that carries the message.
    pub(crate) fn frame(&self, encoding: Encoding) -> &Bytes {
        self.frames[encoding as usize]
            .get_or_init(|| frame(Target::Group(self.roster.group().clone()), self.message.clone(), encoding))
    }
}

/// The WebSocket frame that carries a message.
pub(crate) fn frame(target: Target, message: Message, encoding: Encoding) -> Bytes {
    let payload = ServerFrame::Message { target, message, offset: None }.encode(encoding);
    websocket::frame(FrameKind::of(encoding), &payload)
}

/// Some messages of one group that follow each other, as every member in one shard gets them.
#[derive(Debug)]
pub(crate) struct Run<'a> {
    deliveries: &'a [Arc<Delivery>],
    merged: [Option<Bytes>; Encoding::ALL.len()],
}

impl<'a> Run<'a> {
    /// As many of the messages, which all are for one group, as go together; and the others.
    pub(crate) fn split(deliveries: &'a [Arc<Delivery>]) -> (Self, &'a [Arc<Delivery>]) {
        let mut bytes = 0;
        let fits = |delivery: &&Arc<Delivery>| {
            bytes += delivery.size();
            bytes <= MERGED
        };
        let count = deliveries.iter().take_while(fits).count().max(1).min(deliveries.len());
        let (run, rest) = deliveries.split_at(count);
        (Self { deliveries: run, merged: Default::default() }, rest)
    }

    /// How many messages these are.
    pub(crate) fn len(&self) -> usize {
        self.deliveries.len()
    }

    /// Their frames, in one piece.
    pub(crate) fn bytes(&mut self, encoding: Encoding) -> Bytes {
        let merged = &mut self.merged[encoding as usize];
        merged.get_or_insert_with(|| merge(self.deliveries, encoding)).clone()
    }
}

fn merge(deliveries: &[Arc<Delivery>], encoding: Encoding) -> Bytes {
    if let [one] = deliveries {
        return one.frame(encoding).clone();
    }
    let frames = || deliveries.iter().map(|delivery| delivery.frame(encoding));
    let mut merged = BytesMut::with_capacity(frames().map(Bytes::len).sum());
    frames().for_each(|frame| merged.extend_from_slice(frame));
    merged.freeze()
}
