//! The queue, step by step; the whole of it against a model is in `layer/queue_model.rs`.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use super::*;

#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A task that counts its wake-ups.
fn task() -> (Arc<Wakes>, Waker) {
    let wakes = Arc::new(Wakes::default());
    (Arc::clone(&wakes), Waker::from(wakes))
}

fn count(wakes: &Wakes) -> usize {
    wakes.0.load(Ordering::Relaxed)
}

#[test]
fn first_in_first_out_within_both_bounds() {
    let queue = Queue::new(3, 10);
    queue.push('a', 4).unwrap();
    queue.push('b', 4).unwrap();
    assert!(matches!(queue.push('x', 3), Err(Refused::Full('x'))), "11 bytes are more than 10");
    queue.push('c', 2).unwrap();
    assert!(matches!(queue.push('x', 0), Err(Refused::Full('x'))), "4 items are more than 3");
    assert_eq!((queue.len(), queue.bytes()), (3, 10));
    assert_eq!(
        [queue.try_pop(), queue.try_pop(), queue.try_pop(), queue.try_pop()],
        [Some('a'), Some('b'), Some('c'), None]
    );
    assert_eq!((queue.len(), queue.bytes()), (0, 0));
}

#[test]
fn one_item_fits_whatever_its_size() {
    let queue = Queue::new(2, 10);
    queue.push('a', 1000).unwrap();
    assert!(matches!(queue.push('b', 1), Err(Refused::Full('b'))));
    assert_eq!(queue.try_pop(), Some('a'));
    queue.push('b', 11).unwrap();
}

#[test]
fn a_queue_of_no_items_refuses_all() {
    assert!(matches!(Queue::new(0, 10).push('a', 0), Err(Refused::Full('a'))));
}

#[test]
fn receivers_are_woken_in_the_order_in_which_they_came() {
    let queue = Queue::new(10, 100);
    let ((first_wakes, first), (second_wakes, second)) = (task(), task());
    let (mut one, mut two) = (queue.waiter(), queue.waiter());
    assert!(one.poll_pop(&mut Context::from_waker(&first)).is_pending());
    assert!(two.poll_pop(&mut Context::from_waker(&second)).is_pending());
    // Polling again keeps the place.
    assert!(one.poll_pop(&mut Context::from_waker(&first)).is_pending());
    assert_eq!(queue.waiting(), 2);
    queue.push('a', 1).unwrap();
    assert_eq!((count(&first_wakes), count(&second_wakes)), (1, 0));
    queue.push('b', 1).unwrap();
    assert_eq!((count(&first_wakes), count(&second_wakes)), (1, 1));
    assert_eq!(two.poll_pop(&mut Context::from_waker(&second)), Poll::Ready(Some('a')));
    assert_eq!(one.poll_pop(&mut Context::from_waker(&first)), Poll::Ready(Some('b')));
}

#[test]
fn a_receiver_that_moved_to_another_task_is_woken_there() {
    let queue = Queue::new(10, 100);
    let ((old_wakes, old), (new_wakes, new)) = (task(), task());
    let mut waiter = queue.waiter();
    assert!(waiter.poll_pop(&mut Context::from_waker(&old)).is_pending());
    assert!(waiter.poll_pop(&mut Context::from_waker(&new)).is_pending());
    queue.push('a', 1).unwrap();
    assert_eq!((count(&old_wakes), count(&new_wakes)), (0, 1));
}

#[test]
fn a_woken_receiver_that_goes_away_wakes_the_next_one() {
    let queue = Queue::new(10, 100);
    let ((_, first), (second_wakes, second)) = (task(), task());
    let (mut one, mut two) = (queue.waiter(), queue.waiter());
    assert!(one.poll_pop(&mut Context::from_waker(&first)).is_pending());
    assert!(two.poll_pop(&mut Context::from_waker(&second)).is_pending());
    queue.push('a', 1).unwrap();
    drop(one);
    assert_eq!(count(&second_wakes), 1);
    assert_eq!(two.poll_pop(&mut Context::from_waker(&second)), Poll::Ready(Some('a')));
    assert_eq!(queue.waiting(), 0);
}

#[test]
fn a_waiting_receiver_that_goes_away_wakes_nobody() {
    let queue = Queue::<char>::new(10, 100);
    let ((_, first), (second_wakes, second)) = (task(), task());
    let (mut one, mut two) = (queue.waiter(), queue.waiter());
    assert!(one.poll_pop(&mut Context::from_waker(&first)).is_pending());
    assert!(two.poll_pop(&mut Context::from_waker(&second)).is_pending());
    drop(one);
    assert_eq!((count(&second_wakes), queue.waiting()), (0, 1));
}

#[test]
fn closing_wakes_everybody_and_leaves_what_is_queued() {
    let queue = Queue::new(10, 100);
    let (wakes, waker) = task();
    let mut cx = Context::from_waker(&waker);
    let (mut one, mut two) = (queue.waiter(), queue.waiter());
    assert!(one.poll_pop(&mut cx).is_pending() && two.poll_pop(&mut cx).is_pending());
    queue.push('a', 1).unwrap();
    queue.close();
    assert_eq!(count(&wakes), 2);
    assert!(matches!(queue.push('b', 1), Err(Refused::Closed('b'))));
    assert_eq!(one.poll_pop(&mut cx), Poll::Ready(Some('a')));
    assert_eq!(one.poll_pop(&mut cx), Poll::Ready(None));
    assert_eq!(two.poll_pop(&mut cx), Poll::Ready(None));
    assert!(queue.is_closed());
}

#[test]
fn draining_stops_at_either_bound_and_moves_at_least_one() {
    let queue = Queue::new(10, 100);
    let mut cx = Context::from_waker(Waker::noop());
    let mut waiter = queue.waiter();
    (0..6).for_each(|n| queue.push(n, 10).unwrap());
    let mut out = Vec::new();
    let mut drain = |max_items, max_bytes| {
        waiter.poll_drain(&mut cx, max_items, max_bytes, |n| {
            out.push(n);
            true
        })
    };
    assert_eq!(drain(2, 1000), Poll::Ready(2));
    assert_eq!(drain(10, 15), Poll::Ready(2), "20 bytes are the first to reach 15");
    assert_eq!(drain(10, 0), Poll::Ready(1));
    assert!(drain(0, 1000).is_pending(), "no room for any");
    assert_eq!(out, [0, 1, 2, 3, 4]);
    // What is not kept does not count.
    queue.push(6, 10).unwrap();
    let mut kept = Vec::new();
    let even = |n: i32| {
        let keep = n % 2 == 0;
        kept.extend(keep.then_some(n));
        keep
    };
    assert_eq!(waiter.poll_drain(&mut cx, 1, 1000, even), Poll::Ready(1));
    assert_eq!(kept, [6]);
    assert!(waiter.poll_drain(&mut cx, 10, 1000, |_| true).is_pending());
    queue.close();
    assert_eq!(waiter.poll_drain(&mut cx, 10, 1000, |_| true), Poll::Ready(0));
}

#[test]
fn old_items_are_dropped_from_the_front_only() {
    let queue = Queue::new(10, 100);
    [1, 2, 9, 3].into_iter().for_each(|n| queue.push(n, 10).unwrap());
    assert_eq!(queue.drop_while(|n| *n < 5), 2);
    assert_eq!((queue.len(), queue.bytes()), (2, 20));
    assert_eq!(queue.clear(), 2);
    assert_eq!((queue.len(), queue.bytes()), (0, 0));
}

#[test]
fn a_burst_leaves_no_memory_behind() {
    let queue = Queue::new(10_000, usize::MAX);
    (0..10_000).for_each(|n| queue.push(n, 1).unwrap());
    while queue.try_pop().is_some() {}
    assert!(queue.lock().items.capacity() <= KEPT_ROOM);
}

/// A waker may own the last reference to a task that owns a receiver of the same queue; dropping it under the queue's
/// lock would deadlock.
#[test]
fn wakers_are_dropped_outside_the_lock() {
    struct Looks(Arc<Queue<char>>);
    impl Wake for Looks {
        fn wake(self: Arc<Self>) {}
    }
    impl Drop for Looks {
        fn drop(&mut self) {
            self.0.len();
        }
    }
    let queue = Arc::new(Queue::new(10, 100));
    let looks = || Waker::from(Arc::new(Looks(Arc::clone(&queue))));
    let mut waiter = queue.waiter();
    assert!(waiter.poll_pop(&mut Context::from_waker(&looks())).is_pending());
    assert!(waiter.poll_pop(&mut Context::from_waker(&looks())).is_pending(), "replaces the first waker");
    drop(waiter);
    let mut waiter = queue.waiter();
    assert!(waiter.poll_pop(&mut Context::from_waker(&looks())).is_pending());
    queue.lock().items.push_back(('a', 0));
    assert_eq!(waiter.poll_pop(&mut Context::from_waker(Waker::noop())), Poll::Ready(Some('a')));
    assert!(waiter.poll_pop(&mut Context::from_waker(&looks())).is_pending());
    queue.close();
}
