//! The queue: nobody waits while an item does, and every item is taken once and in order.

use std::future::poll_fn;
use std::task::{Context, Poll, Waker};

use loom::future::block_on;
use loom::sync::Arc;
use loom::thread;

use crate::queue::{Queue, Waiter};

type Shared<T> = Arc<Queue<T>>;

fn queue<T>() -> Shared<T> {
    Arc::new(Queue::new(8, usize::MAX))
}

fn push<T>(queue: &Queue<T>, item: T) {
    assert!(queue.push(item, 1).is_ok(), "there is room");
}

/// Waits for the next item.
fn pop<T>(waiter: &mut Waiter<Shared<T>, T>) -> Option<T> {
    block_on(poll_fn(|cx| waiter.poll_pop(cx)))
}

pub(crate) fn push_meets_registering() {
    let queue = queue();
    let producer = {
        let queue = Arc::clone(&queue);
        thread::spawn(move || push(&queue, 1))
    };
    assert_eq!(pop(&mut Waiter::new(queue)), Some(1));
    producer.join().unwrap();
}

pub(crate) fn moved_to_another_task() {
    let queue = queue();
    let producer = {
        let queue = Arc::clone(&queue);
        thread::spawn(move || push(&queue, 1))
    };
    let mut waiter = Waiter::new(queue);
    let first = waiter.poll_pop(&mut Context::from_waker(Waker::noop()));
    if first.is_pending() {
        assert_eq!(pop(&mut waiter), Some(1));
    }
    producer.join().unwrap();
}

/// One receiver asks once and gives up, another waits; there is one item.
pub(crate) fn dropped_receiver_passes_on() {
    let queue = queue();
    let producer = {
        let queue = Arc::clone(&queue);
        thread::spawn(move || push(&queue, 1))
    };
    let fickle = {
        let queue = Arc::clone(&queue);
        thread::spawn(move || {
            let took = Waiter::new(Arc::clone(&queue)).poll_pop(&mut Context::from_waker(Waker::noop())).is_ready();
            if took {
                // The other one waits for what it will not get.
                queue.close();
            }
            took
        })
    };
    let got = pop(&mut Waiter::new(queue));
    producer.join().unwrap();
    let took = fickle.join().unwrap();
    assert_eq!(got, (!took).then_some(1), "one of them has it");
}

pub(crate) fn close_wakes_all() {
    let queue: Shared<u8> = queue();
    let waits = |queue: &Shared<u8>| {
        let queue = Arc::clone(queue);
        thread::spawn(move || assert_eq!(pop(&mut Waiter::new(queue)), None))
    };
    let waiting = [waits(&queue), waits(&queue)];
    queue.close();
    waiting.into_iter().for_each(|thread| thread.join().unwrap());
}

pub(crate) fn drain_meets_pushes() {
    let queue = queue();
    let producer = {
        let queue = Arc::clone(&queue);
        thread::spawn(move || (0..3).for_each(|item| push(&queue, item)))
    };
    let (mut waiter, mut got) = (Waiter::new(queue), Vec::new());
    while got.len() < 3 {
        let take = |item, got: &mut Vec<i32>| {
            got.push(item);
            true
        };
        let drained = block_on(poll_fn(|cx| waiter.poll_drain(cx, 2, usize::MAX, |item| take(item, &mut got))));
        assert!((1..=2).contains(&drained), "as many as there is room for");
    }
    assert_eq!(got, [0, 1, 2]);
    producer.join().unwrap();
}

pub(crate) fn two_producers() {
    let queue = queue();
    let produce = |from: usize| {
        let queue = Arc::clone(&queue);
        thread::spawn(move || (0..2).for_each(|number| push(&queue, (from, number))))
    };
    let producers = [produce(0), produce(1)];
    let (mut waiter, mut next) = (Waiter::new(Arc::clone(&queue)), [0, 0]);
    for _ in 0..4 {
        let (from, number) = pop(&mut waiter).expect("it is open");
        assert_eq!(number, next[from], "in the producer's order, once");
        next[from] += 1;
    }
    producers.into_iter().for_each(|thread| thread.join().unwrap());
    assert!(matches!(waiter.poll_pop(&mut Context::from_waker(Waker::noop())), Poll::Pending), "nothing is left");
}
