//! `Idempotency-Key`: a request that is sent again, because its answer was lost, is not carried out again.
//!
//! The first request under a key is carried out to its end, even when its sender has hung up, and its answer is kept
//! for five minutes. The same request gets that answer; another one under the same key is a mistake (422); one that
//! comes while the first is carried out is asked to come again (409). Answers after which nothing was done are not kept,
//! so what was refused can be tried again under the same key.
//!
//! What must stay true: backends cannot see or push out each other's answers, and clients not those of backends; what
//! is kept is bounded for each backend, and for all clients together.

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderName, StatusCode};
use sha2::{Digest, Sha256};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::Failure;
use super::caller::Caller;
use super::reply::Reply;
use crate::protocol::{Encoding, ErrorCode, Message};

/// For how long answers are kept.
const KEPT: Duration = Duration::from_secs(5 * 60);

/// How many answers are kept for one backend, or for all clients.
const ANSWERS: usize = 10_000;

/// How many bytes of them.
const BYTES: usize = 16 * 1024 * 1024;

/// The longest key, in characters.
const KEY: usize = 255;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

type Sum = [u8; 32];

/// The answers that are kept.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    books: Mutex<HashMap<Option<Arc<str>>, Book>>,
    /// Requests under a key that are being carried out. Their times are bounded by the layer's.
    running: Mutex<JoinSet<()>>,
}

/// Those of one backend, or of all clients.
#[derive(Debug, Default)]
struct Book {
    entries: HashMap<Sum, Entry>,
    /// In the order in which they began. One that is gone from the entries is still here, until its time has come.
    order: VecDeque<(Instant, Sum, u64)>,
    bytes: usize,
    serial: u64,
}

#[derive(Debug)]
struct Entry {
    serial: u64,
    request: Sum,
    /// Nothing while it is carried out.
    reply: Option<Reply>,
}

/// What makes two requests the same.
#[derive(Debug)]
pub(super) struct Ticket {
    book: Option<Arc<str>>,
    /// Who asks, and the key.
    id: Sum,
    /// Everything that the request says.
    request: Sum,
}

impl Ticket {
    /// The ticket of a request that has a key.
    pub(super) fn read(
        headers: &HeaderMap,
        caller: &Caller,
        path: &str,
        body: &Message,
    ) -> Result<Option<Self>, Failure> {
        let Some(key) = headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
        let Some(key) = key.to_str().ok().filter(|key| (1..=KEY).contains(&key.len())) else {
            let reason = format!("an Idempotency-Key has 1 to {KEY} visible ASCII characters");
            return Err(Failure::new(ErrorCode::BAD_REQUEST, reason));
        };
        let (book, who) = match caller {
            Caller::Backend(name) => (Some(Arc::clone(name)), String::new()),
            Caller::Client(identity, address) => match &identity.user {
                Some(user) => (None, format!("user {user}")),
                None => (None, format!("address {address:?}")),
            },
        };
        let encoding = [u8::from(body.encoding() == Encoding::Msgpack)];
        let bytes = body.bytes(body.encoding());
        Ok(Some(Self {
            book,
            id: sum(&[who.as_bytes(), key.as_bytes()]),
            request: sum(&[path.as_bytes(), &encoding, bytes]),
        }))
    }
}

/// A sum over parts, of which none can pass for a part of its neighbour.
fn sum(parts: &[&[u8]]) -> Sum {
    let mut sum = Sha256::new();
    for part in parts {
        sum.update((part.len() as u64).to_le_bytes());
        sum.update(part);
    }
    sum.finalize().into()
}

impl Answers {
    /// Carries out a request, once where it has a ticket.
    ///
    /// Cancel safety: with a ticket a dropped future leaves the request to be carried out to its end.
    pub(super) async fn once(
        self: &Arc<Self>,
        ticket: Option<Ticket>,
        work: impl Future<Output = Result<Reply, Failure>> + Send + 'static,
    ) -> Result<Reply, Failure> {
        let Some(ticket) = ticket else { return work.await };
        let serial = match self.book(&ticket, |book| book.begin(&ticket, Instant::now())) {
            Begin::New(serial) => serial,
            Begin::Kept(reply) => return Ok(reply.again()),
            Begin::Running => {
                let reason = "the request with this Idempotency-Key is being carried out; ask again";
                let failure = Failure::new(ErrorCode::NOT_AVAILABLE, reason).with_status(StatusCode::CONFLICT);
                return Err(failure.with_retry_after(Duration::from_secs(1)));
            }
            Begin::Another => {
                let reason = "this Idempotency-Key was used for another request";
                return Err(Failure::new(ErrorCode::BAD_REQUEST, reason).with_status(StatusCode::UNPROCESSABLE_ENTITY));
            }
        };
        let (done, told) = oneshot::channel();
        let place = Place { answers: Arc::clone(self), ticket, serial };
        {
            let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
            while running.try_join_next().is_some() {}
            running.spawn(async move {
                let result = work.await;
                if let Some(reply) = result.as_ref().ok().filter(|reply| reply.done) {
                    place.keep(reply);
                }
                // Given up before anybody is told, who may ask again at once.
                drop(place);
                // Whoever asked may have hung up.
                let _ = done.send(result);
            });
        }
        told.await.unwrap_or_else(|_| Err(Failure::new(ErrorCode::INTERNAL, "the request could not be carried out")))
    }

    fn book<T>(&self, ticket: &Ticket, act: impl FnOnce(&mut Book) -> T) -> T {
        act(self.lock().entry(ticket.book.clone()).or_default())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Option<Arc<str>>, Book>> {
        // Nothing under the lock panics half-way.
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How a request begins.
enum Begin {
    New(u64),
    Kept(Reply),
    Running,
    Another,
}

impl Book {
    fn begin(&mut self, ticket: &Ticket, now: Instant) -> Begin {
        self.forget(now);
        if let Some(entry) = self.entries.get(&ticket.id) {
            return match &entry.reply {
                _ if entry.request != ticket.request => Begin::Another,
                Some(reply) => Begin::Kept(reply.clone()),
                None => Begin::Running,
            };
        }
        self.serial += 1;
        let entry = Entry { serial: self.serial, request: ticket.request, reply: None };
        self.entries.insert(ticket.id, entry);
        self.order.push_back((now, ticket.id, self.serial));
        Begin::New(self.serial)
    }

    fn keep(&mut self, ticket: &Ticket, serial: u64, reply: &Reply) {
        if let Some(entry) = self.entries.get_mut(&ticket.id).filter(|entry| entry.serial == serial) {
            self.bytes += reply.size();
            entry.reply = Some(reply.clone());
        }
    }

    fn give_up(&mut self, ticket: &Ticket, serial: u64) {
        if self.entries.get(&ticket.id).is_some_and(|entry| entry.serial == serial && entry.reply.is_none()) {
            self.entries.remove(&ticket.id);
        }
    }

    /// Forgets those whose time has come, and the oldest ones where there are too many.
    fn forget(&mut self, now: Instant) {
        while let Some((at, id, serial)) = self.order.front() {
            if now.saturating_duration_since(*at) < KEPT && self.order.len() < ANSWERS && self.bytes <= BYTES {
                return;
            }
            if self.entries.get(id).is_some_and(|entry| entry.serial == *serial) {
                let reply = self.entries.remove(id).and_then(|entry| entry.reply);
                self.bytes -= reply.map_or(0, |reply| reply.size());
            }
            self.order.pop_front();
        }
    }
}

/// A request's place among the answers, given up unless something was kept: also when its work panics.
struct Place {
    answers: Arc<Answers>,
    ticket: Ticket,
    serial: u64,
}

impl Place {
    fn keep(&self, reply: &Reply) {
        self.answers.book(&self.ticket, |book| book.keep(&self.ticket, self.serial, reply));
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.answers.book(&self.ticket, |book| book.give_up(&self.ticket, self.serial));
    }
}

#[cfg(test)]
mod tests;
