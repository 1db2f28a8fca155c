//! Requests that wait for a connection and requests that wait for an answer, both bounded.
//!
//! A request is encoded when it is made, so that a queued one costs its bytes and nothing else. It is in exactly one of
//! the two lists until its reply goes out.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;

use super::event::{GroupId, RequestId};

/// What an unanswered request was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `group_send` or `send`.
    Send,
    /// `group_add` of this group.
    Add(GroupId),
    /// `group_discard`.
    Discard,
    /// `refresh`.
    Refresh,
}

/// A request in one of the lists.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) id: RequestId,
    pub(super) kind: Kind,
    pub(super) deadline: Duration,
    /// Empty once it was sent.
    pub(super) frame: Bytes,
    size: usize,
    /// Whether the reply is of interest to anybody.
    pub(super) wanted: bool,
}

impl Request {
    pub(super) fn new(id: RequestId, kind: Kind, deadline: Duration, frame: Bytes) -> Self {
        Self { id, kind, deadline, size: frame.len(), frame, wanted: true }
    }
}

/// The most that a list holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) count: usize,
    pub(super) bytes: usize,
}

#[derive(Debug, Default)]
struct List {
    requests: VecDeque<Request>,
    bytes: usize,
}

impl List {
    /// One request always fits, whatever its size.
    fn has_room(&self, size: usize, bounds: Bounds) -> bool {
        let heavy = !self.requests.is_empty() && self.bytes.saturating_add(size) > bounds.bytes;
        self.requests.len() < bounds.count && !heavy
    }

    fn push(&mut self, request: Request) {
        self.bytes += request.size;
        self.requests.push_back(request);
    }

    fn remove(&mut self, at: usize) -> Option<Request> {
        let request = self.requests.remove(at)?;
        self.bytes -= request.size;
        Some(request)
    }

    fn find(&self, id: RequestId) -> Option<usize> {
        self.requests.iter().position(|request| request.id == id)
    }

    fn take(&mut self) -> VecDeque<Request> {
        self.bytes = 0;
        std::mem::take(&mut self.requests)
    }
}

/// Both lists.
#[derive(Debug)]
pub(super) struct Requests {
    queue: List,
    in_flight: List,
    queue_bounds: Bounds,
    flight_bounds: Bounds,
    last_id: u32,
}

impl Requests {
    pub(super) fn new(queue_bounds: Bounds, flight_bounds: Bounds) -> Self {
        Self { queue: List::default(), in_flight: List::default(), queue_bounds, flight_bounds, last_id: 0 }
    }

    /// An id that no unanswered request has: they are bounded and short-lived, and four billion come before it is used
    /// again.
    pub(super) fn next_id(&mut self) -> RequestId {
        self.last_id = self.last_id.checked_add(1).unwrap_or(1);
        RequestId(self.last_id)
    }

    /// Whether a request may go out now, as far as the bounds are concerned.
    pub(super) fn may_fly(&self, size: usize) -> bool {
        self.in_flight.has_room(size, self.flight_bounds)
    }

    /// Whether a request of this size may be queued.
    pub(super) fn may_queue(&self, size: usize) -> bool {
        self.queue.has_room(size, self.queue_bounds)
    }

    pub(super) fn queue_is_empty(&self) -> bool {
        self.queue.requests.is_empty()
    }

    pub(super) fn queue(&mut self, request: Request) {
        self.queue.push(request);
    }

    /// The oldest queued request, where it may go out now.
    pub(super) fn next_to_fly(&mut self) -> Option<Request> {
        let size = self.queue.requests.front()?.size;
        if self.may_fly(size) { self.queue.remove(0) } else { None }
    }

    /// Puts a request among the unanswered ones and gives its frame out.
    pub(super) fn fly(&mut self, mut request: Request) -> Bytes {
        let frame = std::mem::take(&mut request.frame);
        self.in_flight.push(request);
        frame
    }

    /// Takes the unanswered request that this answer is for. Answers come in order, so it is among the first.
    pub(super) fn answered(&mut self, id: RequestId) -> Option<Request> {
        let at = self.in_flight.find(id)?;
        self.in_flight.remove(at)
    }

    /// Nobody waits for the reply any more: a queued request is removed, an unanswered one keeps its place, since the
    /// gateway has it.
    pub(super) fn cancel(&mut self, id: RequestId) {
        if let Some(at) = self.queue.find(id) {
            self.queue.remove(at);
        } else if let Some(at) = self.in_flight.find(id) {
            self.in_flight.requests[at].wanted = false;
        }
    }

    /// Takes a request whose time is over.
    pub(super) fn overdue(&mut self, now: Duration) -> Option<Request> {
        [&mut self.queue, &mut self.in_flight].into_iter().find_map(|list| {
            let at = list.requests.iter().position(|request| request.deadline <= now)?;
            list.remove(at)
        })
    }

    /// When the first request's time is over. The queue is in the order of its deadlines, the other list is short.
    pub(super) fn deadline(&self) -> Option<Duration> {
        let queued = self.queue.requests.front().map(|request| request.deadline);
        self.in_flight.requests.iter().map(|request| request.deadline).chain(queued).min()
    }

    /// Takes all unanswered requests: the connection is gone.
    pub(super) fn take_in_flight(&mut self) -> VecDeque<Request> {
        self.in_flight.take()
    }

    /// Takes all queued requests: the session is over.
    pub(super) fn take_queue(&mut self) -> VecDeque<Request> {
        self.queue.take()
    }

    /// How many requests and bytes wait for a connection.
    pub(super) fn queued(&self) -> (usize, usize) {
        (self.queue.requests.len(), self.queue.bytes)
    }

    /// How many requests and bytes wait for an answer.
    pub(super) fn unanswered(&self) -> (usize, usize) {
        (self.in_flight.requests.len(), self.in_flight.bytes)
    }
}
