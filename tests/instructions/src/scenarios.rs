//! The scenarios. One more is one more line in [`SCENARIOS`], and a function that does the operation so many times.

use std::hint::black_box;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use channel_layers::gateway::session::FrameKind;
use channel_layers::gateway::websocket::{self, Decoder, Deflater};
use channel_layers::layer::{ChannelLayer, Mailbox, MailboxOptions, MemoryConfig, MemoryLayer, MessageSink, NoRoom};
use channel_layers::protocol::{ClientFrame, Encoding, ServerFrame, Target};
use channel_layers::{GroupName, Message, Result, message};
use futures_util::FutureExt;

use crate::fanout;
use crate::queue::{Queue, Waiter};

pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    /// How many operations are counted.
    pub(crate) operations: usize,
    pub(crate) run: fn(usize),
    /// By how much its count may grow, in percent.
    pub(crate) tolerance: f64,
}

/// More than what a patch release of rustc or of a dependency moves.
const STEADY: f64 = 5.0;

/// For what makes random names: as they fall the allocator finds room in one way or another, which is 10 %.
const SEEDED: f64 = 20.0;

const fn steady(name: &'static str, operations: usize, run: fn(usize)) -> Scenario {
    Scenario { name, operations, run, tolerance: STEADY }
}

const fn seeded(name: &'static str, operations: usize, run: fn(usize)) -> Scenario {
    Scenario { name, operations, run, tolerance: SEEDED }
}

pub(crate) const SCENARIOS: &[Scenario] = &[
    steady("queue: push and pop", 10_000, push_and_pop),
    steady("queue: push and pop, receiver waits", 10_000, push_to_waiting),
    steady("queue: push 16 and drain", 1_000, push_and_drain),
    steady("layer: group_send to 1,000 and receive", 50, group_send),
    steady("layer: group_send to 1,000 that wait and receive", 50, group_send_to_waiting),
    steady("layer: group_send to 1,000 sinks", 50, group_send_to_sinks),
    steady("layer: join and leave a group of 1,000", 10_000, join_and_leave),
    seeded("layer: open and drop a mailbox", 10_000, open_and_drop),
    steady("frame: read group_send, JSON", 5_000, |n| read(Encoding::Json, n)),
    steady("frame: read group_send, MessagePack", 5_000, |n| read(Encoding::Msgpack, n)),
    steady("frame: write message, JSON", 5_000, |n| write(Encoding::Json, n)),
    steady("frame: write message, MessagePack", 5_000, |n| write(Encoding::Msgpack, n)),
    steady("websocket: decode 128 bytes of text", 5_000, |n| decode(128, n)),
    steady("websocket: decode 16 KiB of text", 500, |n| decode(16 << 10, n)),
    steady("websocket: frame 128 bytes", 5_000, frame),
    steady("websocket: compress 2 KiB of text", 200, deflate),
    steady("gateway: a delivery, one message at a time", 16_000, |n| fanout::deliver(1, n)),
    steady("gateway: a delivery, 16 messages at once", 160_000, |n| fanout::deliver(16, n)),
];

fn push(queue: &Queue<u64>, item: usize) {
    assert!(queue.push(item as u64, 8).is_ok(), "there is room");
}

fn push_and_pop(operations: usize) {
    let queue = Queue::new(100, usize::MAX);
    for item in 0..operations {
        push(&queue, item);
        black_box(queue.try_pop());
    }
}

fn push_to_waiting(operations: usize) {
    let queue = Queue::new(100, usize::MAX);
    let (mut waiter, mut cx) = (Waiter::new(&queue), Context::from_waker(Waker::noop()));
    for item in 0..operations {
        assert!(waiter.poll_pop(&mut cx).is_pending());
        push(&queue, item);
        assert!(black_box(waiter.poll_pop(&mut cx)).is_ready());
    }
}

fn push_and_drain(operations: usize) {
    let queue = Queue::new(100, usize::MAX);
    let (mut waiter, mut cx) = (Waiter::new(&queue), Context::from_waker(Waker::noop()));
    let mut out = Vec::new();
    for _ in 0..operations {
        (0..16).for_each(|item| push(&queue, item));
        let drained = waiter.poll_drain(&mut cx, 64, usize::MAX, |item| {
            out.push(item);
            true
        });
        assert_eq!(drained, Poll::Ready(16));
        black_box(&mut out).clear();
    }
}

/// The outcome of a verb, which is there at once.
fn now<T>(verb: impl Future<Output = Result<T>>) -> T {
    verb.now_or_never().expect("the memory layer waits for messages only").expect("the verb succeeds")
}

/// 128 bytes as JSON.
pub(crate) fn chat() -> Message {
    message! { "type": "chat.message", "room": "lobby", "text": "The quick brown fox jumps over the lazy dog. 0123456789 0123456789" }
}

pub(crate) fn lobby() -> GroupName {
    GroupName::new("chat.lobby").expect("valid")
}

/// A layer with a group of a thousand.
fn thousand(options: &MailboxOptions) -> (MemoryLayer, Vec<Mailbox>) {
    let layer = MemoryLayer::new(MemoryConfig::default());
    let open = |_| {
        let mailbox = now(layer.mailbox("bench", options.clone()));
        now(layer.group_add(&lobby(), mailbox.channel()));
        mailbox
    };
    let mailboxes = (0..1_000).map(open).collect();
    (layer, mailboxes)
}

fn group_send(operations: usize) {
    let (layer, mailboxes) = thousand(&MailboxOptions::default());
    let (lobby, message) = (lobby(), chat());
    for _ in 0..operations {
        now(layer.group_send(&lobby, message.clone()));
        for mailbox in &mailboxes {
            black_box(mailbox.try_recv().expect("the layer is open").expect("a message"));
        }
    }
}

fn group_send_to_waiting(operations: usize) {
    let (layer, mut mailboxes) = thousand(&MailboxOptions::default());
    let (lobby, message, mut cx) = (lobby(), chat(), Context::from_waker(Waker::noop()));
    for _ in 0..operations {
        for mailbox in &mut mailboxes {
            assert!(mailbox.poll_recv(&mut cx).is_pending());
        }
        now(layer.group_send(&lobby, message.clone()));
        for mailbox in &mut mailboxes {
            assert!(black_box(mailbox.poll_recv(&mut cx)).is_ready());
        }
    }
}

/// Keeps the last message.
#[derive(Default)]
struct Last(Mutex<Option<Message>>);

impl MessageSink for Last {
    fn deliver(&self, message: &Message) -> Result<Option<Waker>, NoRoom> {
        *self.0.lock().expect("nobody panics") = Some(message.clone());
        Ok(None)
    }
}

fn group_send_to_sinks(operations: usize) {
    let (layer, _mailboxes) = thousand(&MailboxOptions::default().with_sink(Arc::new(Last::default())));
    let (lobby, message) = (lobby(), chat());
    for _ in 0..operations {
        now(layer.group_send(&lobby, message.clone()));
    }
}

fn join_and_leave(operations: usize) {
    let (layer, _mailboxes) = thousand(&MailboxOptions::default());
    // Many guests, since what it costs to find one depends on where its random name falls.
    let guests: Vec<_> = (0..500).map(|_| now(layer.mailbox("guest", MailboxOptions::default()))).collect();
    let lobby = lobby();
    for guest in guests.iter().cycle().take(operations) {
        now(layer.group_add(&lobby, guest.channel()));
        now(layer.group_discard(&lobby, guest.channel()));
    }
}

fn open_and_drop(operations: usize) {
    let layer = MemoryLayer::new(MemoryConfig::default());
    for _ in 0..operations {
        drop(now(layer.mailbox("bench", MailboxOptions::default())));
    }
}

fn read(encoding: Encoding, operations: usize) {
    let bytes = ClientFrame::GroupSend { id: Some(1), group: "chat.lobby".into(), message: chat() }.encode(encoding);
    for _ in 0..operations {
        assert!(black_box(ClientFrame::decode(encoding, black_box(&bytes))).is_ok());
    }
}

fn write(encoding: Encoding, operations: usize) {
    let frame = ServerFrame::Message { target: Target::Group(lobby()), message: chat(), offset: None };
    for _ in 0..operations {
        black_box(black_box(&frame).encode(encoding));
    }
}

/// A frame of text as a client sends it.
pub(crate) fn masked(text: &[u8]) -> Vec<u8> {
    const MASK: [u8; 4] = [0x12, 0x34, 0x56, 0x78];
    let mut bytes = websocket::begin(FrameKind::Text, text.len());
    bytes[1] |= 0x80;
    bytes.extend(MASK);
    bytes.extend(text.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}

fn decode(length: usize, operations: usize) {
    let (bytes, mut decoder) = (masked(&vec![b'a'; length]), Decoder::new(1 << 20));
    for _ in 0..operations {
        let (taken, event) = decoder.decode(black_box(&bytes)).expect("a frame that keeps the rules");
        assert!(taken == bytes.len() && black_box(event).is_some());
    }
}

fn frame(operations: usize) {
    let payload = Bytes::from(vec![b'a'; 128]);
    for _ in 0..operations {
        black_box(websocket::frame(FrameKind::Text, black_box(&payload)));
    }
}

/// Messages of chat, as far as 2 KiB go.
fn deflate(operations: usize) {
    let written =
        |number: u32| format!(r#"{{"user":{},"text":"{:x} the {}th"}},"#, number * 7919, number.pow(3), number);
    let mut text: String = (0..60).map(written).collect();
    text.truncate(2048);
    let mut deflater = Deflater::new();
    for _ in 0..operations {
        black_box(deflater.frame(FrameKind::Text, black_box(text.as_bytes())).expect("it gets smaller"));
    }
}
