//! The wire format against what `channels_redis` has recorded, and by its own laws.

mod envelopes;
mod formats;
mod numbers;
mod properties;
mod vectors;
