//! Decisions that still count, by what was asked: a bounded number of them, each for its own time. What was asked is kept as
//! a digest, since cookies are in it.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use super::super::{Denied, Identity};

/// What somebody was told: who he is, or that he may not.
pub(super) type Decided = Result<Identity, Denied>;

/// The digest of a question.
pub(super) type Asked = [u8; 32];

/// The decisions. Where there are too many the one that came first goes.
#[derive(Debug)]
pub(super) struct Cache {
    limit: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    decisions: HashMap<Asked, Entry>,
    /// In the order in which they came, at most `limit`. One that was put in again stands here twice, and its earlier place,
    /// whose number is not the entry's, counts for nothing.
    order: VecDeque<(Asked, u64)>,
    next: u64,
}

#[derive(Debug)]
struct Entry {
    number: u64,
    since: Instant,
    until: Instant,
    decided: Decided,
}

impl Cache {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, state: Mutex::default() }
    }

    /// What was decided, if that still counts. An identity that ends, ends when it would have without the cache.
    pub(super) fn get(&self, asked: &Asked, now: Instant) -> Option<Decided> {
        let state = self.state.lock().expect("nobody panics with the lock in hand");
        let entry = state.decisions.get(asked).filter(|entry| now < entry.until)?;
        let mut decided = entry.decided.clone();
        if let Ok(Identity { expires: Some(expires), .. }) = &mut decided {
            *expires = expires.saturating_sub(now.saturating_duration_since(entry.since));
        }
        Some(decided)
    }

    /// Keeps a decision for a time, and not for longer than it lasts.
    pub(super) fn put(&self, asked: Asked, decided: &Decided, time: Duration, now: Instant) {
        let lasts = decided.as_ref().ok().and_then(|identity| identity.expires);
        let time = lasts.map_or(time, |lasts| lasts.min(time));
        let Some(until) = now.checked_add(time).filter(|_| self.limit > 0 && !time.is_zero()) else { return };
        let mut state = self.state.lock().expect("nobody panics with the lock in hand");
        let state = &mut *state;
        let number = state.next;
        state.next += 1;
        state.decisions.insert(asked, Entry { number, since: now, until, decided: decided.clone() });
        state.order.push_back((asked, number));
        while state.order.len() > self.limit {
            let Some((oldest, number)) = state.order.pop_front() else { break };
            if state.decisions.get(&oldest).is_some_and(|entry| entry.number == number) {
                state.decisions.remove(&oldest);
            }
        }
    }
}

#[cfg(test)]
mod tests;
