//! The one loop that carries a session: socket, timer, token and hints on one side, listener on the other. No policy.
//!
//! Handles call the session directly, under its lock, so that bounds are enforced at the call; then they wake the
//! driver. The driver takes one effect at a time out under the lock and carries it out outside, so a listener may call
//! any handle. It ends when the session is over and its sockets are closed, and the last handle ends the session.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::task::AtomicWaker;

use super::platform::{self, Clock, Hints, Sleep, Socket, SocketEvent, TokenFuture};
use super::session::{Effect, Event, Session, SessionConfig};
use crate::protocol::Encoding;

/// What a driver tells, and whom it asks. Called outside all locks.
pub(crate) trait Listener {
    /// A socket is about to open: none of its events has been taken.
    fn opening(&mut self, _: &Socket) {}
    fn event(&mut self, event: Event);
    fn token(&mut self) -> TokenFuture;
}

/// The session, shared by its handles and its driver.
#[derive(Debug)]
struct Shared {
    timed: Mutex<(Session, Clock)>,
    waker: AtomicWaker,
}

impl Shared {
    fn with<T>(&self, act: impl FnOnce(&mut Session, Duration) -> T) -> T {
        let (mut act, mut result) = (Some(act), None);
        self.call(&mut |session, now| result = act.take().map(|act| act(session, now)));
        result.expect("the session was called")
    }

    /// Apart from its callers: the lock and the clock exist once, not for each type of result.
    #[inline(never)]
    fn call(&self, act: &mut dyn FnMut(&mut Session, Duration)) {
        // An input is complete or has not begun when a panic could come, so a poisoned session is whole.
        let mut timed = self.timed.lock().unwrap_or_else(PoisonError::into_inner);
        let (session, clock) = &mut *timed;
        act(session, clock.now());
    }
}

/// A hold on a running session. Dropping the last one closes it.
#[derive(Clone, Debug)]
pub(crate) struct Handle(Arc<Owner>);

#[derive(Debug)]
struct Owner(Arc<Shared>);

impl Drop for Owner {
    fn drop(&mut self) {
        self.0.with(|session, _| session.close());
        self.0.waker.wake();
    }
}

impl Handle {
    /// Calls the session, and sees to it that what follows is carried out.
    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut Session, Duration) -> T) -> T {
        let result = self.with_no_effect(act);
        self.0.0.waker.wake();
        result
    }

    /// The same for a call after which there is nothing to carry out.
    pub(crate) fn with_no_effect<T>(&self, act: impl FnOnce(&mut Session, Duration) -> T) -> T {
        self.0.0.with(act)
    }
}

/// A session on its way to `url`, and the driver that must be spawned for it.
pub(crate) fn start<L: Listener>(url: String, config: SessionConfig, listener: L) -> (Handle, Driver<L>) {
    let encoding = config.encoding;
    let timed = Mutex::new((Session::new(config, platform::random()), Clock::new()));
    let shared = Arc::new(Shared { timed, waker: AtomicWaker::new() });
    shared.with(Session::start);
    let handle = Handle(Arc::new(Owner(Arc::clone(&shared))));
    let (socket, closing, timer, token) = (None, Vec::new(), None, None);
    let driver = Driver { shared, listener, url, encoding, socket, closing, timer, token, hints: Hints::new() };
    (handle, driver)
}

/// The future that carries one session to its end.
pub(crate) struct Driver<L> {
    shared: Arc<Shared>,
    listener: L,
    url: String,
    encoding: Encoding,
    socket: Option<Socket>,
    /// Sockets that are being closed. Attempts are at least half a second apart and a closing handshake takes a few
    /// seconds at most, so there are never many.
    closing: Vec<Socket>,
    /// The running timer and when it fires. It is left to fire early rather than replaced when the deadline moves away,
    /// which it does with every frame.
    timer: Option<(Duration, Sleep)>,
    token: Option<TokenFuture>,
    hints: Hints,
}

impl<L: Listener + Unpin> Future for Driver<L> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        this.shared.waker.register(cx.waker());
        loop {
            let over = this.carry_out();
            this.closing.retain_mut(|socket| !is_closed(socket, cx));
            if over && this.closing.is_empty() {
                return Poll::Ready(());
            }
            let fed = this.poll_socket(cx) || this.poll_token(cx) || this.poll_hints(cx) || this.poll_timer(cx);
            if !fed {
                return Poll::Pending;
            }
        }
    }
}

impl<L: Listener> Driver<L> {
    /// Does what the session asks for; says whether the session is over.
    fn carry_out(&mut self) -> bool {
        loop {
            let (effect, over) = self.shared.with(|session, _| (session.poll_effect(), session.is_closed()));
            match effect {
                None => return over,
                Some(Effect::Open) => {
                    let socket = Socket::open(&self.url, self.encoding);
                    self.listener.opening(&socket);
                    self.socket = Some(socket);
                }
                Some(Effect::Send(frame)) => {
                    if let Some(socket) = &mut self.socket {
                        socket.send(&frame);
                    }
                }
                Some(Effect::Close { code, reason }) => {
                    if let Some(mut socket) = self.socket.take() {
                        socket.close(code, reason);
                        self.closing.push(socket);
                    }
                }
                Some(Effect::FetchToken) => self.token = Some(self.listener.token()),
                Some(Effect::Event(event)) => self.listener.event(event),
            }
        }
    }

    fn poll_socket(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(socket) = &mut self.socket else { return false };
        let Poll::Ready(event) = socket.poll_event(cx) else { return false };
        if matches!(event, SocketEvent::Closed { .. }) {
            self.socket = None;
        }
        self.shared.with(|session, now| match event {
            SocketEvent::Opened => session.opened(now),
            SocketEvent::Frame(bytes) => session.frame(&bytes, now),
            SocketEvent::Closed { code, reason } => session.closed(code, &reason, now),
        });
        true
    }

    fn poll_token(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(Poll::Ready(token)) = self.token.as_mut().map(|token| token.as_mut().poll(cx)) else { return false };
        self.token = None;
        self.shared.with(|session, now| session.token(token, now));
        true
    }

    fn poll_hints(&mut self, cx: &mut Context<'_>) -> bool {
        let hinted = self.hints.poll_hint(cx).is_ready();
        if hinted {
            self.shared.with(Session::wake);
        }
        hinted
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>) -> bool {
        let (deadline, now) = self.shared.with(|session, now| (session.deadline(), now));
        let Some(deadline) = deadline else {
            self.timer = None;
            return false;
        };
        if self.timer.as_ref().is_none_or(|(at, _)| *at > deadline) {
            self.timer = Some((deadline, platform::sleep(deadline.saturating_sub(now))));
        }
        let fired = self.timer.as_mut().is_some_and(|(_, timer)| Pin::new(timer).poll(cx).is_ready());
        if fired {
            self.timer = None;
            self.shared.with(Session::timer);
        }
        fired
    }
}

/// Whether a socket that is being closed has come to its end.
fn is_closed(socket: &mut Socket, cx: &mut Context<'_>) -> bool {
    loop {
        match socket.poll_event(cx) {
            Poll::Ready(SocketEvent::Closed { .. }) => return true,
            Poll::Ready(_) => {}
            Poll::Pending => return false,
        }
    }
}
