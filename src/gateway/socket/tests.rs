//! What waits for a peer, against a plain model of it: for each piece its frames, and its bytes that the peer has not.

use std::collections::VecDeque;

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Push(usize, usize),
    /// The peer takes a part of what is written, or all of it.
    Write(Option<Index>),
    Discard,
}

fn step() -> impl Strategy<Value = Step> {
    let length = prop_oneof![
        12 => 1..200usize,
        2 => 20_000..40_000usize,
        2 => WRITE - 2..=WRITE + 2,
        1 => Just(3 * WRITE),
    ];
    prop_oneof![
        8 => (length, 1..20usize).prop_map(|(length, frames)| Step::Push(length, frames)),
        4 => any::<Index>().prop_map(|part| Step::Write(Some(part))),
        2 => Just(Step::Write(None)),
        1 => Just(Step::Discard),
    ]
}

#[derive(Default)]
struct Run {
    out: Outgoing,
    model: VecDeque<(usize, Vec<u8>)>,
    begun: bool,
    scratch: Vec<u8>,
    /// The next byte that is pushed. They go round by a prime, so a piece out of place shows.
    next: u8,
}

impl Run {
    fn step(&mut self, step: &Step) {
        match step {
            Step::Push(length, frames) => self.push(*length, *frames),
            Step::Write(part) => self.write(part.as_ref()),
            Step::Discard => self.discard(),
        }
        assert_eq!(self.out.frames, self.model.iter().map(|(frames, _)| frames).sum::<usize>());
        assert_eq!(self.out.bytes, self.model.iter().map(|(_, bytes)| bytes.len()).sum::<usize>());
    }

    fn push(&mut self, length: usize, frames: usize) {
        let mut byte = || {
            self.next = (self.next + 1) % 251;
            self.next
        };
        let bytes: Vec<u8> = (0..length).map(|_| byte()).collect();
        self.out.push(bytes.clone().into(), frames);
        self.model.push_back((frames, bytes));
    }

    fn write(&mut self, part: Option<&Index>) {
        let waiting = self.model.iter().map(|(_, bytes)| &bytes[..]).collect::<Vec<_>>().concat();
        let first = self.model.front().map_or(0, |(_, bytes)| bytes.len());
        let written = self.out.gather(&mut self.scratch);
        // As much as there is, up to the bound; a piece above it is written from where it is.
        assert_eq!(written, &waiting[..first.max(WRITE).min(waiting.len())]);
        let taken = part.map_or(written.len(), |part| part.index(written.len() + 1));
        self.out.advance(taken);
        self.forget(taken);
    }

    fn forget(&mut self, mut taken: usize) {
        while let Some((_, bytes)) = self.model.front_mut() {
            if taken < bytes.len() {
                self.begun |= taken > 0;
                bytes.drain(..taken);
                return;
            }
            taken -= bytes.len();
            self.begun = false;
            self.model.pop_front();
        }
    }

    fn discard(&mut self) {
        let dropped: usize = self.model.drain(usize::from(self.begun)..).map(|(frames, _)| frames).sum();
        assert_eq!(self.out.discard(), dropped);
    }
}

proptest! {
    #[test]
    fn bytes_go_out_in_order_and_are_counted_until_they_have(steps in prop::collection::vec(step(), 1..40)) {
        let mut run = Run::default();
        steps.iter().for_each(|step| run.step(step));
        while !run.model.is_empty() {
            run.step(&Step::Write(None));
        }
        prop_assert_eq!((run.out.bytes, run.out.frames, run.out.begun), (0, 0, false));
    }
}

#[test]
fn what_is_discarded_leaves_the_rest_of_a_frame_that_was_begun() {
    let (mut out, mut scratch) = (Outgoing::default(), Vec::new());
    out.push(Bytes::from_static(b"first"), 2);
    out.push(Bytes::from_static(b"second"), 3);
    out.advance(2);
    assert_eq!(out.discard(), 3);
    assert_eq!((out.gather(&mut scratch), out.bytes, out.frames), (&b"rst"[..], 3, 2));
    assert_eq!(out.discard(), 0, "it has still begun");
    out.advance(3);
    out.push(Bytes::from_static(b"third"), 1);
    assert_eq!(out.discard(), 1, "nothing of it is written");
    assert_eq!((out.gather(&mut scratch), out.bytes, out.frames), (&b""[..], 0, 0));
}

#[test]
fn one_piece_is_written_from_where_it_is() {
    let (mut out, mut scratch) = (Outgoing::default(), Vec::new());
    let piece = Bytes::from(vec![1; 100]);
    out.push(piece.clone(), 1);
    assert_eq!(out.gather(&mut scratch).as_ptr(), piece.as_ptr());
    assert_eq!(scratch.capacity(), 0, "no copy");
}
