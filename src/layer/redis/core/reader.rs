//! The tasks that take messages off keys: one for each kind of channels and each place, with a connection of its own.
//!
//! What must stay true: a pop that was sent is never cancelled, since the server would hand a message to nobody; to look
//! at other keys it is unblocked on the server, over the connection for commands. A connection that is given up is killed
//! on the server before the next one pops. What is popped and not wanted any more is given back before the next pop, so
//! that nothing overtakes it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{Fuse, FusedFuture};
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::{RedisError, cmd, from_redis_value, pipe};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::Core;
use super::demand::{Demand, Signals};
use crate::ErrorKind;
use crate::layer::redis::backoff::Backoff;
use crate::layer::redis::connect::{self, Id, Opened, Refusal, Version};
use crate::layer::redis::fault;
use crate::layer::redis::link;
use crate::layer::redis::topology::{Place, Route};

/// How long a pop waits on the server. A longer time saves a command now and then, and takes longer to find a
/// connection that leads nowhere.
const BLOCK: Duration = Duration::from_secs(2);

/// How much longer than that the answer may take.
const GRACE: Duration = Duration::from_secs(4);

/// How long after a server took nothing back it is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// After how long the server is told again to unblock a pop that it did not know yet.
const RETELL: Duration = Duration::from_millis(1);

/// How long a reader that nobody needs keeps its connection.
const IDLE: Duration = Duration::from_secs(30);

/// How often keys are looked at whose slot is on its way to another node, so that no pop can wait for all of them.
const SEARCH: Duration = Duration::from_millis(50);

/// The first version with `BZMPOP`.
const BATCHES: Version = Version(7, 0);

/// A message as it was in Redis, with its score.
#[derive(Clone, Debug)]
pub(super) struct Popped {
    pub(super) member: Bytes,
    pub(super) score: f64,
}

impl From<(Vec<u8>, f64)> for Popped {
    fn from((member, score): (Vec<u8>, f64)) -> Self {
        Self { member: member.into(), score }
    }
}

/// One kind of channels: what is popped for them, and who takes it.
pub(super) trait Source: Send + Sync + 'static {
    /// How many messages are popped at once.
    const BATCH: usize;

    fn demand(&self) -> &Arc<Demand>;

    /// Takes what was popped off a key.
    fn take(&self, core: &Core, place: Place, key: &str, popped: Vec<Popped>);

    /// What was taken at a place and has to go back under its key.
    fn returned(&self, place: Place) -> Vec<(Arc<str>, Popped)>;

    /// Takes what could not go back yet.
    fn keep(&self, place: Place, returned: Vec<(Arc<str>, Popped)>);
}

/// The reader of one place.
pub(super) struct Reader<S> {
    core: Arc<Core>,
    source: Arc<S>,
    place: Place,
    signals: Signals,
    /// The key that something was popped off last.
    last: String,
}

/// Why a connection is not used any more.
enum End {
    /// Nobody needs the reader any more.
    Idle,
    /// The place is on another server.
    Moved,
    Lost(Arc<str>),
}

impl From<RedisError> for End {
    fn from(e: RedisError) -> Self {
        Self::Lost(e.to_string().into())
    }
}

/// An open connection, and how to know that it has ended.
struct Pop {
    connection: MultiplexedConnection,
    /// Whether several messages are popped at once.
    batches: bool,
    id: Id,
    route: Route,
    ended: Arc<Notify>,
    /// Whether a key that holds something else was told of.
    warned: bool,
}

impl<S: Source> Reader<S> {
    /// What begins the reader of a place.
    pub(super) fn beginner<'a>(core: &'a Arc<Core>, source: &'a Arc<S>) -> impl FnMut(Place, Signals) + 'a {
        move |place, signals| {
            let (core, source) = (Arc::clone(core), Arc::clone(source));
            let reader = Self { core: Arc::clone(&core), source, place, signals, last: String::new() };
            core.tasks.spawn(reader.run());
        }
    }

    async fn run(mut self) {
        let _reading = self.source.demand().read();
        let (mut backoff, mut given_up) = (Backoff::default(), None);
        loop {
            match self.connect(given_up.as_ref()).await {
                Ok(mut pop) => {
                    if given_up.is_some() {
                        self.core.counters.reconnects.add(1);
                    }
                    let begun = Instant::now();
                    let end = self.serve(&mut pop).await;
                    backoff.lasted(begun.elapsed());
                    let Pop { id, route, .. } = pop;
                    let host = route.link.host();
                    match end {
                        End::Idle => return,
                        // It has answered, so it holds no pop.
                        End::Moved => tracing::debug!(%host, "what is received is on another server now"),
                        End::Lost(reason) => {
                            tell(host, &reason, backoff.is_first());
                            if let Some(commands) = commands(&id, &route) {
                                // Where it cannot be killed now, the next connection does it before it pops.
                                let _ = commands.bury(Some(&id)).await;
                            }
                            given_up = Some(id);
                        }
                    }
                }
                Err(refusal) => tracing::debug!(reason = %refusal.reason, "no connection to receive on"),
            }
            backoff.wait().await;
        }
    }

    /// Connects, and kills what was given up before: from here, because the way there may have been shut until now.
    async fn connect(&self, given_up: Option<&Id>) -> Result<Pop, Refusal> {
        let route = self.core.topology.route(self.place).await?;
        let ended = Arc::new(Notify::new());
        let opened = connect::open(&route.server, None, link::on_end(&ended, None)).await?;
        opened.bury(given_up).await?;
        // Whoever called it deaf meant the one before.
        let _ = self.signals.deaf.notified().now_or_never();
        Ok(Pop {
            connection: opened.connection,
            batches: opened.version >= BATCHES,
            id: opened.id,
            route,
            ended,
            warned: false,
        })
    }

    /// Pops until the connection ends.
    async fn serve(&mut self, pop: &mut Pop) -> End {
        loop {
            if let Err(end) = self.round(pop).await {
                return end;
            }
        }
    }

    async fn round(&mut self, pop: &mut Pop) -> Result<(), End> {
        // After a failover the old server pops on for whoever asks it.
        if pop.route.link.now().is_some_and(|opened| opened.id.is_apart(&pop.id)) {
            return Err(End::Lost("messages go to another server".into()));
        }
        let all_back = self.give_back().await;
        if self.source.demand().is_closing() {
            return Err(End::Idle);
        }
        let keys = self.source.demand().keys(self.place, &self.last);
        if keys.is_empty() && !all_back {
            sleep(AGAIN).await;
            return Ok(());
        }
        if keys.is_empty() {
            return self.idle(pop).await;
        }
        let Some((key, popped)) = self.pop(pop, &keys).await? else { return Ok(()) };
        self.source.take(&self.core, self.place, &key, popped);
        // Another key than the last time: perhaps a message to a group, which then waits under more of them.
        let more = S::BATCH > 1 && key != self.last;
        self.last = key;
        if more { self.sweep(pop, &keys).await } else { Ok(()) }
    }

    /// Takes what waits under any of the keys, all of them in one go: a pop that blocks takes from one alone.
    async fn sweep(&self, pop: &mut Pop, keys: &[Arc<str>]) -> Result<(), End> {
        let mut commands = pipe();
        for key in keys {
            commands.cmd("ZPOPMIN").arg(&**key).arg(S::BATCH);
        }
        let swept = timeout(GRACE, pop.connection.req_packed_commands(&commands, 0, keys.len())).await;
        let swept = swept.map_err(|_| End::Lost(format!("no answer within {GRACE:?}").into()))??;
        for (key, answer) in keys.iter().zip(swept) {
            // A key that is on its way to another node is refused alone, and looked for by the next pop.
            let Ok(messages) = from_redis_value::<Batch>(answer) else { continue };
            self.source.take(&self.core, self.place, key, messages.into_iter().map(Popped::from).collect());
        }
        Ok(())
    }

    /// Waits until something is wanted.
    async fn idle(&self, pop: &Pop) -> Result<(), End> {
        tokio::select! {
            biased;
            () = self.signals.changed.notified() => Ok(()),
            () = pop.ended.notified() => Err(End::Lost("the server hung up".into())),
            () = sleep(IDLE) => if self.source.demand().retire(self.place) { Err(End::Idle) } else { Ok(()) },
        }
    }

    /// Waits for messages under any of the keys, and takes as many as may be of the first that has some.
    async fn pop(&self, pop: &mut Pop, keys: &[Arc<str>]) -> Result<Option<(String, Vec<Popped>)>, End> {
        let mut connection = pop.connection.clone();
        let mut popping = std::pin::pin!(take(&mut connection, pop.batches, S::BATCH, keys));
        let mut unblocking = std::pin::pin!(Fuse::terminated());
        let (deadline, mut leaving) = (Instant::now() + BLOCK + GRACE, false);
        loop {
            tokio::select! {
                biased;
                popped = &mut popping => return match popped {
                    Ok(None) if leaving => Err(End::Moved),
                    Ok(popped) => Ok(popped),
                    Err(fault) => self.refused(pop, keys, fault).await,
                },
                () = self.core.topology.left(self.place, &pop.route), if !leaving => {
                    leaving = true;
                    unblocking.set(unblock(pop).fuse());
                }
                () = self.signals.changed.notified() => unblocking.set(unblock(pop).fuse()),
                () = &mut unblocking, if !unblocking.is_terminated() => {}
                () = pop.ended.notified() => return Err(End::Lost("the server hung up".into())),
                () = self.signals.deaf.notified() => return Err(End::Lost("the layer does not hear itself".into())),
                () = sleep_until(deadline) => return Err(End::Lost(format!("no answer within {:?}", BLOCK + GRACE).into())),
            }
        }
    }

    /// Finds out what an error means that a pop was answered with.
    async fn refused(
        &self,
        pop: &mut Pop,
        keys: &[Arc<str>],
        fault: RedisError,
    ) -> Result<Option<(String, Vec<Popped>)>, End> {
        if self.core.topology.learn(self.place, &pop.route, &fault) {
            return Err(End::Moved);
        }
        if matches!(fault.code(), Some("ASK" | "TRYAGAIN")) {
            self.search(keys).await;
            return Ok(None);
        }
        // A server that has another name for it, or a user who may not: there is another way.
        if pop.batches && (fault::is_unknown(&fault) || fault::is_forbidden(&fault)) {
            pop.batches = false;
            return Ok(None);
        }
        // One key stops a pop of all of them.
        if fault.code() == Some("WRONGTYPE") {
            if !pop.warned {
                let host = pop.route.link.host();
                tracing::warn!(%host, "something that is no channel stands under the key of one: nothing is received there until it is gone");
            }
            pop.warned = true;
            self.search(keys).await;
            return Ok(None);
        }
        Err(fault.into())
    }

    /// Takes what is there under each key alone, wherever that is, while one of them stops a pop of all: its slot is on
    /// its way to another node, or it holds something else.
    async fn search(&self, keys: &[Arc<str>]) {
        for key in keys {
            let mut pop = cmd("ZPOPMIN");
            pop.arg(&**key).arg(S::BATCH);
            match self.core.topology.query::<Vec<(Vec<u8>, f64)>>(self.place, &pop).await {
                Ok(messages) => {
                    self.source.take(&self.core, self.place, key, messages.into_iter().map(Popped::from).collect())
                }
                Err(e) => tracing::debug!(%key, error = %e, "a key was not looked at"),
            }
        }
        let _ = timeout(SEARCH, self.signals.changed.notified()).await;
    }

    /// Gives back what is to go back; false if the server takes none of it now.
    async fn give_back(&self) -> bool {
        let mut returned = self.source.returned(self.place).into_iter();
        while let Some((key, popped)) = returned.next() {
            if !self.core.give_back(self.place, &key, &popped).await {
                self.source.keep(self.place, std::iter::once((key, popped)).chain(returned).collect());
                return false;
            }
        }
        true
    }
}

impl Core {
    /// Gives a message back under its key at a place; false if for certain nothing was done.
    pub(super) async fn give_back(&self, place: Place, key: &str, popped: &Popped) -> bool {
        let (mut add, mut expire) = (cmd("ZADD"), cmd("PEXPIRE"));
        add.arg(key).arg(popped.score).arg(&popped.member[..]);
        expire.arg(key).arg(self.expiry_millis());
        match self.topology.batch(&[(place, add), (place, expire)]).await {
            Ok(_) => self.counters.given_back.add(1),
            Err(e) if e.kind() == ErrorKind::Unavailable => return false,
            // It may be back, and giving it back again might deliver it twice.
            Err(e) => {
                self.counters.lost.add(1);
                tracing::warn!(error = %e, "a message was not given back for certain");
            }
        }
        true
    }
}

/// Has the server answer the pop that it holds, with nothing; ready once it does. The pop may still be on its way there,
/// so the server is told until it knows one. Where that fails, the pop's own time does it.
fn unblock(pop: &Pop) -> impl Future<Output = ()> + use<> {
    let (number, commands) = (pop.id.number, commands(&pop.id, &pop.route));
    async move {
        let Some(Opened { mut connection, .. }) = commands else { return };
        loop {
            match cmd("CLIENT").arg("UNBLOCK").arg(number).query_async(&mut connection).await {
                Ok(false) => sleep(RETELL).await,
                Ok(true) => return,
                Err(e) => return tracing::debug!(error = %e, "a waiting pop could not be unblocked"),
            }
        }
    }
}

/// What commands go through, if that leads to the server that knows this number.
fn commands(id: &Id, route: &Route) -> Option<Opened> {
    route.link.now().filter(|opened| opened.id.is_beside(id))
}

/// Logs that a connection was lost; the first of an outage loudly.
fn tell(host: &str, reason: &str, first: bool) {
    match first {
        true => tracing::warn!(%host, reason, "a connection that receives from Redis has ended; connecting again"),
        false => tracing::debug!(%host, reason, "a connection that receives from Redis has ended again"),
    }
}

/// Messages and their scores, as Redis answers.
type Batch = Vec<(Vec<u8>, f64)>;

async fn take(
    connection: &mut MultiplexedConnection,
    batches: bool,
    most: usize,
    keys: &[Arc<str>],
) -> Result<Option<(String, Vec<Popped>)>, RedisError> {
    let keys = keys.iter().map(|key| &**key).collect::<Vec<_>>();
    if batches {
        let mut pop = cmd("BZMPOP");
        pop.arg(BLOCK.as_secs()).arg(keys.len()).arg(keys).arg("MIN").arg("COUNT").arg(most);
        let answer: Option<(String, Batch)> = pop.query_async(connection).await?;
        return Ok(answer.map(|(key, messages)| (key, messages.into_iter().map(Popped::from).collect())));
    }
    let mut pop = cmd("BZPOPMIN");
    pop.arg(keys).arg(BLOCK.as_secs());
    let answer: Option<(String, Vec<u8>, f64)> = pop.query_async(connection).await?;
    let Some((key, member, score)) = answer else { return Ok(None) };
    let mut messages = vec![Popped::from((member, score))];
    if most > 1 {
        let more: Vec<(Vec<u8>, f64)> = cmd("ZPOPMIN").arg(&key).arg(most - 1).query_async(connection).await?;
        messages.extend(more.into_iter().map(Popped::from));
    }
    Ok(Some((key, messages)))
}
