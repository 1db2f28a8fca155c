//! The inbox of the gateway's shards: whatever is put in is found, by a shard that sleeps, falls asleep or stops.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Poll, Wake};

use loom::future::block_on;
use loom::thread;

use self::inbox::{Bell, Inbox};

#[expect(dead_code, reason = "the models need a part of it")]
#[path = "../../../src/gateway/shard/inbox.rs"]
mod inbox;

/// What the shards are told, which the inbox only passes on.
#[derive(Debug)]
pub(crate) struct Command(u8);

/// An inbox whose shard runs.
fn running() -> Arc<Inbox> {
    let inbox = Arc::new(Inbox::new(usize::MAX));
    assert!(inbox.open(Command(0)), "the first word starts the shard");
    inbox.take(&mut VecDeque::new(), &mut Vec::new());
    inbox
}

/// What a shard does until something has come.
fn wait(inbox: &Inbox) -> (Vec<u8>, Vec<u32>) {
    let (mut commands, mut ready) = (VecDeque::new(), Vec::new());
    block_on(poll_fn(|cx| {
        loop {
            inbox.take(&mut commands, &mut ready);
            if !commands.is_empty() || !ready.is_empty() {
                return Poll::Ready(());
            }
            if inbox.sleep(cx.waker()) {
                return Poll::Pending;
            }
        }
    }));
    (commands.into_iter().map(|Command(number)| number).collect(), ready)
}

/// Waits until so many commands have come.
fn wait_for(inbox: &Inbox, count: usize) -> Vec<u8> {
    let mut got = Vec::new();
    while got.len() < count {
        got.extend(wait(inbox).0);
    }
    got
}

pub(crate) fn told_while_falling_asleep() {
    let inbox = running();
    let tell = |number| {
        let inbox = Arc::clone(&inbox);
        thread::spawn(move || inbox.tell(Command(number)))
    };
    let tellers = [tell(1), tell(2)];
    let mut got = wait_for(&inbox, 2);
    got.sort_unstable();
    assert_eq!(got, [1, 2]);
    tellers.into_iter().for_each(|thread| thread.join().unwrap());
}

/// As the fan-out does it: every message is put in first, and who sleeps is woken after the locks.
pub(crate) fn pushed_then_roused() {
    let inbox = running();
    let sender = {
        let inbox = Arc::clone(&inbox);
        thread::spawn(move || {
            for number in [1, 2] {
                if inbox.push(Command(number), 1).expect("it has room") {
                    inbox.rouse();
                }
            }
        })
    };
    assert_eq!(wait_for(&inbox, 2), [1, 2], "in order");
    sender.join().unwrap();
}

/// What a bell rings for is written before it rings; whoever has heard it looks afterwards.
pub(crate) fn bell_rings_while_heard() {
    let inbox = running();
    let bell = Arc::new(Bell::new(Arc::clone(&inbox), 7));
    let work = Arc::new(loom::sync::Mutex::new(0));
    let ringer = {
        let (bell, work) = (Arc::clone(&bell), Arc::clone(&work));
        thread::spawn(move || {
            for _ in 0..2 {
                *work.lock().unwrap() += 1;
                bell.wake_by_ref();
            }
        })
    };
    let mut done = 0;
    while done < 2 {
        assert!(wait(&inbox).1.iter().all(|slot| *slot == 7));
        bell.hear();
        done += std::mem::take(&mut *work.lock().unwrap());
    }
    ringer.join().unwrap();
}

/// Either the shard goes on for it, or whoever opens starts it again.
pub(crate) fn opened_while_stopping() {
    let inbox = running();
    let opener = {
        let inbox = Arc::clone(&inbox);
        thread::spawn(move || inbox.open(Command(1)))
    };
    let stopped = inbox.stop();
    let started = opener.join().unwrap();
    assert_eq!(stopped, started, "it runs once");
    assert_eq!(wait(&inbox).0, [1]);
}
