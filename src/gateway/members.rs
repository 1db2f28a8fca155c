//! The members of a room: a slab, so that joining and leaving cost the same in a room of ten and of a million.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use super::outbox::{Delivery, Item, Outbox, Refusal};
use super::stats::Counters;
use crate::protocol::GroupCode;

/// Who is in a room. A slot keeps its place while a message goes round, so nobody gets it twice.
#[derive(Debug, Default)]
pub(crate) struct Members(Mutex<Slab>);

#[derive(Debug, Default)]
struct Slab {
    slots: Vec<Slot>,
    /// The first of the free slots, each of which names the next.
    free: Option<usize>,
    used: usize,
    ended: bool,
}

#[derive(Debug)]
enum Slot {
    Member { id: u64, outbox: Arc<Outbox> },
    Free { next: Option<usize> },
}

impl Members {
    /// Puts a member in under a number that no other member of any room has, and returns its slot; nothing when the
    /// room has ended.
    pub(crate) fn insert(&self, id: u64, outbox: Arc<Outbox>) -> Option<usize> {
        let mut slab = self.lock();
        if slab.ended {
            return None;
        }
        slab.used += 1;
        let member = Slot::Member { id, outbox };
        let Some(slot) = slab.free else {
            slab.slots.push(member);
            return Some(slab.slots.len() - 1);
        };
        if let Slot::Free { next } = std::mem::replace(&mut slab.slots[slot], member) {
            slab.free = next;
        }
        Some(slot)
    }

    /// Whether the room has ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.lock().ended
    }

    /// Takes a member out, unless it is out already.
    pub(crate) fn remove(&self, slot: usize, id: u64) {
        let mut slab = self.lock();
        let next = slab.free;
        match slab.slots.get_mut(slot) {
            Some(found @ Slot::Member { .. }) if found.is(id) => *found = Slot::Free { next },
            _ => return,
        }
        slab.free = Some(slot);
        slab.used -= 1;
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().used
    }

    /// Queues messages for the members in `count` slots from `from` on; returns where to go on, if there are more.
    pub(crate) fn deliver(
        &self,
        batch: &[Arc<Delivery>],
        from: usize,
        count: usize,
        counters: &Counters,
    ) -> Option<usize> {
        let (mut wakers, mut overflowed) = (Vec::with_capacity(count), Vec::new());
        let (mut delivered, mut dropped) = (0, 0);
        let slab = self.lock();
        for outbox in slab.slots.iter().skip(from).take(count).filter_map(Slot::outbox) {
            for delivery in batch {
                match outbox.deliver(delivery) {
                    Ok(waker) => {
                        delivered += 1;
                        wakers.extend(waker);
                    }
                    Err(refusal) => {
                        dropped += 1;
                        overflowed.extend((refusal == Refusal::Full).then(|| outbox.clone()));
                    }
                }
            }
        }
        let next = Some(from + count).filter(|&next| next < slab.slots.len());
        drop(slab);
        wakers.into_iter().for_each(Waker::wake);
        overflowed.iter().for_each(|outbox: &Arc<Outbox>| outbox.overflow());
        counters.deliveries.add(delivered);
        counters.dropped_slow.add(dropped);
        next
    }

    /// Ends the room: every member is told, and nobody can come in any more. Returns false if it had ended before.
    pub(crate) fn expel(&self, code: GroupCode) -> bool {
        let mut slab = self.lock();
        let first = !slab.ended;
        let slots = std::mem::take(&mut slab.slots);
        *slab = Slab { ended: true, ..Slab::default() };
        drop(slab);
        for slot in slots {
            if let Slot::Member { id, outbox } = slot {
                outbox.put(Item::Lost(id, code), size_of::<Item>());
            }
        }
        first
    }

    fn lock(&self) -> MutexGuard<'_, Slab> {
        // Nothing under the lock panics half-way, so a poisoned slab is whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    fn outbox(&self) -> Option<&Arc<Outbox>> {
        match self {
            Slot::Member { outbox, .. } => Some(outbox),
            Slot::Free { .. } => None,
        }
    }

    fn is(&self, number: u64) -> bool {
        matches!(self, Slot::Member { id, .. } if *id == number)
    }
}
