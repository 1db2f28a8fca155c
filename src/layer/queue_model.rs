//! The crate's queue as a state machine against a model of it. (Here, because the browser's tests have no proptest.)
//!
//! The model is a plain list of what was pushed, and for each receiver whether it waits and whether it was woken since.
//! Its one law beyond the obvious ones: while a receiver waits unwoken, every item that is queued has a receiver that
//! was woken and has not looked yet.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use proptest::prelude::*;

use crate::queue::{Queue, Refused, Waiter};

const MAX_ITEMS: usize = 4;
const MAX_BYTES: usize = 20;

#[derive(Clone, Debug)]
enum Step {
    Push(usize),
    TryPop,
    DropBelow(usize),
    Clear,
    Poll(usize),
    Drain(usize, usize, usize),
    Leave(usize),
    Replace(usize),
    Close,
}

fn step() -> impl Strategy<Value = Step> {
    let receiver = 0..4usize;
    prop_oneof![
        8 => (0..15usize).prop_map(Step::Push),
        1 => Just(Step::TryPop),
        1 => (0..60usize).prop_map(Step::DropBelow),
        1 => Just(Step::Clear),
        8 => receiver.clone().prop_map(Step::Poll),
        4 => (receiver.clone(), 0..4usize, 0..20usize).prop_map(|(r, items, bytes)| Step::Drain(r, items, bytes)),
        2 => receiver.clone().prop_map(Step::Leave),
        2 => receiver.prop_map(Step::Replace),
        1 => Just(Step::Close),
    ]
}

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

struct Receiver {
    waiter: Waiter<Arc<Queue<usize>>, usize>,
    woken: Arc<Woken>,
    waits: bool,
}

impl Receiver {
    fn new(queue: &Arc<Queue<usize>>) -> Self {
        Self { waiter: Waiter::new(Arc::clone(queue)), woken: Arc::default(), waits: false }
    }

    fn poll<R>(
        &mut self,
        poll: impl FnOnce(&mut Waiter<Arc<Queue<usize>>, usize>, &mut Context<'_>) -> Poll<R>,
    ) -> Poll<R> {
        self.woken.0.store(false, Ordering::Relaxed);
        let waker = Waker::from(Arc::clone(&self.woken));
        let polled = poll(&mut self.waiter, &mut Context::from_waker(&waker));
        self.waits = polled.is_pending();
        polled
    }

    fn is_woken(&self) -> bool {
        self.waits && self.woken.0.load(Ordering::Relaxed)
    }

    fn is_unwoken(&self) -> bool {
        self.waits && !self.woken.0.load(Ordering::Relaxed)
    }
}

struct Machine {
    queue: Arc<Queue<usize>>,
    receivers: Vec<Receiver>,
    model: VecDeque<(usize, usize)>,
    closed: bool,
    next: usize,
}

impl Machine {
    fn new() -> Self {
        let queue = Arc::new(Queue::new(MAX_ITEMS, MAX_BYTES));
        let receivers = (0..4).map(|_| Receiver::new(&queue)).collect();
        Self { queue, receivers, model: VecDeque::new(), closed: false, next: 0 }
    }

    fn model_bytes(&self) -> usize {
        self.model.iter().map(|(_, bytes)| bytes).sum()
    }

    fn run(&mut self, step: &Step) {
        match *step {
            Step::Push(bytes) => self.push(bytes),
            Step::TryPop => assert_eq!(self.queue.try_pop(), self.model.pop_front().map(|(item, _)| item)),
            Step::DropBelow(bound) => {
                let expected = self.model.iter().take_while(|(item, _)| *item < bound).count();
                assert_eq!(self.queue.drop_while(|item| *item < bound), expected);
                self.model.drain(..expected);
            }
            Step::Clear => {
                assert_eq!(self.queue.clear(), self.model.len());
                self.model.clear();
            }
            Step::Poll(receiver) => {
                let polled = self.receivers[receiver].poll(|waiter, cx| waiter.poll_pop(cx));
                let expected = match self.model.pop_front() {
                    Some((item, _)) => Poll::Ready(Some(item)),
                    None if self.closed => Poll::Ready(None),
                    None => Poll::Pending,
                };
                assert_eq!(polled, expected);
            }
            Step::Drain(receiver, items, bytes) => self.drain(receiver, items, bytes),
            Step::Leave(receiver) => {
                self.receivers[receiver].waiter.leave();
                self.receivers[receiver].waits = false;
            }
            Step::Replace(receiver) => self.receivers[receiver] = Receiver::new(&self.queue),
            Step::Close => {
                self.queue.close();
                self.closed = true;
            }
        }
    }

    fn push(&mut self, bytes: usize) {
        let item = self.next;
        self.next += 1;
        let heavy = !self.model.is_empty() && self.model_bytes() + bytes > MAX_BYTES;
        match self.queue.push(item, bytes) {
            Ok(()) => {
                assert!(!self.closed && !heavy && self.model.len() < MAX_ITEMS);
                self.model.push_back((item, bytes));
            }
            Err(Refused::Full(back)) => {
                assert!(back == item && !self.closed && (heavy || self.model.len() == MAX_ITEMS));
            }
            Err(Refused::Closed(back)) => assert!(back == item && self.closed),
        }
    }

    fn drain(&mut self, receiver: usize, max_items: usize, max_bytes: usize) {
        let mut out = Vec::new();
        let receiver = &mut self.receivers[receiver];
        let polled = receiver.poll(|waiter, cx| {
            waiter.poll_drain(cx, max_items, max_bytes, |item| {
                out.push(item);
                true
            })
        });
        receiver.waits &= max_items > 0;
        let (mut expected, mut bytes) = (Vec::new(), 0);
        while expected.len() < max_items && (expected.is_empty() || bytes < max_bytes) {
            let Some((item, size)) = self.model.pop_front() else { break };
            expected.push(item);
            bytes += size;
        }
        assert_eq!(out, expected);
        match polled {
            Poll::Ready(moved) => assert!(moved == out.len() && (moved > 0 || self.closed)),
            Poll::Pending => assert!(out.is_empty() && (max_items == 0 || !self.closed)),
        }
    }

    fn check(&self) {
        assert_eq!((self.queue.len(), self.queue.bytes()), (self.model.len(), self.model_bytes()));
        let unwoken = self.receivers.iter().filter(|receiver| receiver.is_unwoken()).count();
        let woken = self.receivers.iter().filter(|receiver| receiver.is_woken()).count();
        assert_eq!(self.queue.waiting(), unwoken, "every receiver that waits has its place, and nobody else");
        assert!(unwoken == 0 || self.model.len() <= woken, "an item waits while a receiver does");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn queue_is_the_model(steps in proptest::collection::vec(step(), 0..60)) {
        let mut machine = Machine::new();
        for step in &steps {
            machine.run(step);
            machine.check();
        }
    }
}
