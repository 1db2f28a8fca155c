//! Counters: tokens that were accepted, tokens that were refused by reason, fetches of keys.

use std::collections::BTreeMap;

use super::Refusal;
use crate::gateway::stats::Counter;

/// The counters of one authorizer.
#[derive(Debug, Default)]
pub(super) struct Counters {
    accepted: Counter,
    /// By place in [`Refusal::REASONS`].
    refused: [Counter; Refusal::REASONS.len()],
    fetches: Counter,
    fetch_failures: Counter,
}

impl Counters {
    pub(super) fn checked<T>(&self, result: &Result<T, Refusal>) {
        match result {
            Ok(_) => self.accepted.add(1),
            Err(refusal) => {
                let place = Refusal::REASONS.iter().position(|reason| *reason == refusal.reason());
                self.refused[place.expect("every reason is in the list")].add(1);
            }
        }
    }

    pub(super) fn fetched(&self, succeeded: bool) {
        self.fetches.add(1);
        self.fetch_failures.add(u64::from(!succeeded));
    }

    pub(super) fn snapshot(&self) -> TokenStats {
        let refused = Refusal::REASONS.iter().zip(&self.refused);
        TokenStats {
            accepted: self.accepted.get(),
            refused: refused.map(|(reason, count)| (*reason, count.get())).collect(),
            fetches: self.fetches.get(),
            fetch_failures: self.fetch_failures.get(),
        }
    }
}

/// What a [`TokenAuthorizer`](super::TokenAuthorizer) has done since it was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenStats {
    /// Tokens that were accepted.
    pub accepted: u64,
    /// Tokens that were not, by reason; each reason is there from the start.
    pub refused: BTreeMap<&'static str, u64>,
    /// How often keys were fetched from a URL.
    pub fetches: u64,
    /// How often that failed.
    pub fetch_failures: u64,
}
