//! What an authorizer has counted, in one form for every authorizer: for metrics.

use std::collections::BTreeMap;

use super::callback::CallbackStats;
use super::token::TokenStats;

/// What an authorizer has counted since it was made; see [`Authorizer::counts`](super::Authorizer::counts).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuthorizerCounts {
    /// How often it decided for the client. A decision that was kept and is used again does not count again.
    pub accepted: u64,
    /// How often against, by reason. The reasons are the authorizer's own, each best there from the start, with a zero.
    pub refused: BTreeMap<&'static str, u64>,
    /// How often it needed what others know (keys, or the whole decision), by what came of it.
    pub lookups: BTreeMap<&'static str, u64>,
}

impl From<TokenStats> for AuthorizerCounts {
    fn from(stats: TokenStats) -> Self {
        let TokenStats { accepted, refused, fetches, fetch_failures } = stats;
        // They are read one after the other, while more are counted.
        let answered = fetches.saturating_sub(fetch_failures);
        Self { accepted, refused, lookups: [("answered", answered), ("failed", fetch_failures)].into() }
    }
}

impl From<CallbackStats> for AuthorizerCounts {
    fn from(stats: CallbackStats) -> Self {
        let CallbackStats { allowed, denied, cached, failed } = stats;
        Self {
            accepted: allowed,
            refused: [("denied", denied), ("failed", failed)].into(),
            lookups: [("answered", allowed + denied), ("cached", cached), ("failed", failed)].into(),
        }
    }
}
