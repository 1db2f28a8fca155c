//! When which connection of one shard has to be looked at: one clock for all of them.
//!
//! What must stay true: a connection has at most one entry that counts, the one whose time it remembers as
//! [`Alarm`]; others are left over from times that were moved forward, and are skipped when they come up.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use tokio::time::Sleep;

use super::slots::Key;

/// When a connection's entry comes up.
#[derive(Debug, Default)]
pub(crate) struct Alarm(Option<Instant>);

#[derive(Debug)]
pub(super) struct Timers {
    due: BinaryHeap<Reverse<(Instant, Key)>>,
    clock: Pin<Box<Sleep>>,
    /// What the clock is set to.
    set: Option<Instant>,
}

impl Timers {
    pub(super) fn new() -> Self {
        Self { due: BinaryHeap::new(), clock: Box::pin(tokio::time::sleep(std::time::Duration::ZERO)), set: None }
    }

    /// Has a connection looked at by its deadline. Deadlines mostly move away; then the entry stays, and comes up early.
    pub(super) fn set(&mut self, key: Key, alarm: &mut Alarm, deadline: Option<Instant>) {
        let Some(deadline) = deadline else { return };
        if alarm.0.is_none_or(|at| deadline < at) {
            alarm.0 = Some(deadline);
            self.due.push(Reverse((deadline, key)));
        }
    }

    /// The next connection whose time has come, with the time of its entry.
    pub(super) fn pop(&mut self, now: Instant) -> Option<(Instant, Key)> {
        let Reverse((at, _)) = self.due.peek()?;
        if *at > now {
            return None;
        }
        self.due.pop().map(|Reverse(entry)| entry)
    }

    /// Registers for the next entry. True when its time has come already.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(Reverse((at, _))) = self.due.peek() else { return false };
        if self.set != Some(*at) {
            self.set = Some(*at);
            self.clock.as_mut().reset((*at).into());
        }
        let rings = matches!(self.clock.as_mut().poll(cx), Poll::Ready(()));
        if rings {
            self.set = None;
        }
        rings
    }
}

impl Alarm {
    /// Whether an entry that came up is the one that counts, which is used up with that.
    pub(super) fn rings(&mut self, at: Instant) -> bool {
        let rings = self.0 == Some(at);
        if rings {
            self.0 = None;
        }
        rings
    }
}

#[cfg(test)]
mod tests;
