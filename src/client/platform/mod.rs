//! What the client needs of the place that it runs in, and the only switch between the two places.
//!
//! Each platform file exports the same concrete names, so that shared code needs no transport trait and no marker for
//! `Send`: futures built from them are `Send` where the platform's are.
//!
//! - `Socket`: one WebSocket. `open(url, encoding)` begins to connect and never fails at once; what happens is told by
//!   `poll_event`: `Opened` at most once, `Frame`s, and `Closed` as the last event. `send` takes a frame without
//!   waiting; a socket that cannot get rid of [`MAX_UNSENT`] bytes closes itself. `close(code, reason)` begins the
//!   closing handshake, which ends with `Closed` within a few seconds.
//! - `Sleep`, `sleep(time)`: a future of at least that long; dropping it takes the timer down.
//! - `Clock`: `now()` never runs backwards.
//! - `Hints`: `poll_hint` is ready once for each sign that the network is back or the program woke up.
//! - `spawn(future)`: runs a future to its end, in the background.
//! - `random()`: 64 bits that differ between clients. Nothing secret depends on them.
//! - `check(url)`: refuses what the platform can never connect to.
//! - `TokenProvider`, `TokenFuture`: how the application is asked for a token.

use bytes::Bytes;

/// The most bytes that wait in a socket for the network. The session bounds what it sends by what is answered; this is
/// for a gateway that asks for answers and does not read them.
const MAX_UNSENT: usize = 16 << 20;

/// What happened to a socket.
#[derive(Debug)]
pub(crate) enum SocketEvent {
    /// It is open.
    Opened,
    /// A WebSocket message.
    Frame(Bytes),
    /// It is closed, or could not be opened.
    Closed {
        /// The close code, 1006 where there was none.
        code: u16,
        /// The close reason, or what went wrong.
        reason: String,
    },
}

// Target split 2 of 2: which file provides the names above. The other one is in `lib.rs`.
cfg_if::cfg_if! {
    if #[cfg(target_family = "wasm")] {
        mod browser;
        use browser as imp;
    } else {
        mod native;
        use native as imp;
    }
}

pub use imp::TokenProvider;
pub(crate) use imp::{Clock, Hints, Sleep, Socket, TokenFuture, check, random, sleep, spawn};

impl std::fmt::Debug for TokenProvider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenProvider").finish_non_exhaustive()
    }
}

/// Mentions every name with its type, so that a platform that drifts from the contract does not compile.
const _: () = {
    use std::task::{Context, Poll};
    use std::time::Duration;

    use crate::Result;
    use crate::protocol::Encoding;

    let _: fn(&str, Encoding) -> Socket = Socket::open;
    let _: fn(&mut Socket, &Bytes) = Socket::send;
    let _: fn(&mut Socket, u16, &'static str) = Socket::close;
    let _: fn(&mut Socket, &mut Context<'_>) -> Poll<SocketEvent> = Socket::poll_event;
    let _: fn(Duration) -> Sleep = sleep;
    let _: fn() -> Clock = Clock::new;
    let _: fn(&mut Clock) -> Duration = Clock::now;
    let _: fn() -> Hints = Hints::new;
    let _: fn(&mut Hints, &mut Context<'_>) -> Poll<()> = Hints::poll_hint;
    let _: fn() -> u64 = random;
    let _: fn(&str) -> Result<()> = check;
    let _: fn(&TokenProvider) -> TokenFuture = TokenProvider::ask;
};
