//! One message on its way to any number of clients: written once in each form, by the first shard that needs it.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use bytes::{Bytes, BytesMut};

use super::roster::Roster;
use super::session::FrameKind;
use super::websocket::{self, Deflater};
use crate::protocol::{Encoding, Message, ServerFrame, Target};

/// What a message takes on the wire besides its own bytes, roughly: frame header, `op`, the group's name.
const ENVELOPE: usize = 64;

/// How many bytes of frames are put together, so that a member's write of them is one piece.
const MERGED: usize = 64 * 1024;

/// How the messages of a connection are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Form {
    pub(crate) encoding: Encoding,
    /// Whether compressed frames were agreed on (RFC 7692).
    pub(crate) deflated: bool,
}

/// What compresses, once something had to be.
pub(crate) type Press = Option<Deflater>;

/// One of each form.
type PerForm<T> = [T; 2 * Encoding::ALL.len()];

impl Form {
    fn place(self) -> usize {
        2 * self.encoding as usize + usize::from(self.deflated)
    }

    /// The WebSocket frame that carries a message.
    pub(crate) fn frame(self, target: Target, message: Message, press: &mut Press) -> Bytes {
        let payload = ServerFrame::Message { target, message, offset: None }.encode(self.encoding);
        let kind = FrameKind::of(self.encoding);
        let deflated = self.deflated.then(|| press.get_or_insert_with(Deflater::new).frame(kind, &payload));
        deflated.flatten().unwrap_or_else(|| websocket::frame(kind, &payload))
    }
}

/// A group's message.
#[derive(Debug)]
pub(crate) struct Delivery {
    roster: Arc<Roster>,
    message: Message,
    /// When the layer handed it over.
    arrived: Instant,
    frames: PerForm<OnceLock<Bytes>>,
}

impl Delivery {
    pub(crate) fn new(roster: Arc<Roster>, message: Message) -> Self {
        Self { roster, message, arrived: Instant::now(), frames: Default::default() }
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
    fn frame(&self, form: Form, press: &mut Press) -> &Bytes {
        let target = || Target::Group(self.roster.group().clone());
        self.frames[form.place()].get_or_init(|| form.frame(target(), self.message.clone(), press))
    }
}

/// Some messages of one group that follow each other, as every member in one shard gets them.
#[derive(Debug)]
pub(crate) struct Run<'a> {
    deliveries: &'a [Arc<Delivery>],
    merged: PerForm<Option<Bytes>>,
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

    /// When the first one arrived, which has waited longest.
    pub(crate) fn arrived(&self) -> Instant {
        self.deliveries[0].arrived
    }

    /// How many messages these are.
    pub(crate) fn len(&self) -> usize {
        self.deliveries.len()
    }

    /// Their frames, in one piece.
    pub(crate) fn bytes(&mut self, form: Form, press: &mut Press) -> &Bytes {
        self.merged[form.place()].get_or_insert_with(|| merge(self.deliveries, form, press))
    }
}

fn merge(deliveries: &[Arc<Delivery>], form: Form, press: &mut Press) -> Bytes {
    if let [one] = deliveries {
        return one.frame(form, press).clone();
    }
    let mut merged = BytesMut::new();
    deliveries.iter().for_each(|delivery| merged.extend_from_slice(delivery.frame(form, press)));
    merged.freeze()
}

#[cfg(test)]
mod tests;
