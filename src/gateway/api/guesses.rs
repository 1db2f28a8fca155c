//! How often an address may show a key that is wrong.
//!
//! Each address has a stock of wrong guesses that fills up again slowly. While it is empty, what the address shows is
//! not compared with any key, so a guess then tells nothing, right or wrong. Others are not affected.
//!
//! What must stay true: the table is bounded, and an attacker with many addresses cannot make it forget one that is
//! held up before those that are not.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How many wrong keys an address may show at once: somebody who mistypes stays far below.
const STOCK: u32 = 10;

/// How long one of them takes to be forgiven.
const REFILL: Duration = Duration::from_secs(6);

/// How many addresses are remembered, at some 60 bytes each.
const ADDRESSES: usize = 4096;

/// Who guessed wrong of late.
#[derive(Debug, Default)]
pub(crate) struct Guesses(Mutex<HashMap<IpAddr, Instant>>);

impl Guesses {
    /// For how long nothing is compared that this address shows; nothing where it is.
    pub(super) fn held_up(&self, address: Option<IpAddr>, now: Instant) -> Option<Duration> {
        let forgiven = *self.lock().get(&network(address))?;
        // A stock of which nothing is left takes all of this to be full again, and one refill less has one guess.
        let wait = (forgiven.checked_duration_since(now)? + REFILL).checked_sub(REFILL * STOCK)?;
        (!wait.is_zero()).then_some(wait)
    }

    /// Notes that an address has guessed wrong.
    pub(super) fn wrong(&self, address: Option<IpAddr>, now: Instant) {
        let mut forgiven = self.lock();
        let network = network(address);
        if !forgiven.contains_key(&network) && forgiven.len() >= ADDRESSES {
            make_room(&mut forgiven, now);
        }
        let at = forgiven.entry(network).or_insert(now);
        *at = (*at).max(now) + REFILL;
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, Instant>> {
        // Nothing under the lock panics half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Forgets all who are forgiven, or else the one who will be first.
fn make_room(forgiven: &mut HashMap<IpAddr, Instant>, now: Instant) {
    forgiven.retain(|_, at| *at > now);
    if forgiven.len() >= ADDRESSES {
        let first = forgiven.iter().min_by_key(|(_, at)| **at).map(|(address, _)| *address);
        first.map(|address| forgiven.remove(&address));
    }
}

/// Who shares a stock: one IPv4 address, or one IPv6 network of 64 bits, which is what one subscriber has. All whose
/// address is not known share one.
fn network(address: Option<IpAddr>) -> IpAddr {
    match address.map(|address| address.to_canonical()) {
        None => Ipv6Addr::UNSPECIFIED.into(),
        Some(IpAddr::V6(address)) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
        Some(address) => address,
    }
}

#[cfg(test)]
mod tests;
