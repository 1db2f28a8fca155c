//! The tasks that take messages off keys: one for each kind of channels and each place, with a connection of its own.
//!
//! What must stay true: a pop that was sent is never cancelled, since the server would hand a message to nobody; to look
//! at other keys it is unblocked on the server, over the connection for commands. A connection that is given up is killed
//! on the server before the next one pops. What is popped and not wanted any more is given back before the next pop, on
//! the same connection, so that nothing overtakes it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use redis::aio::MultiplexedConnection;
use redis::{RedisError, cmd, pipe};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::Core;
use super::demand::{Demand, Signals};
use crate::layer::redis::backoff::Backoff;
use crate::layer::redis::connect::{self, Refusal, Version};
use crate::layer::redis::link;
use crate::layer::redis::topology::Place;

/// How long a pop waits on the server. A longer time saves a command now and then, and takes longer to find a
/// connection that leads nowhere.
const BLOCK: Duration = Duration::from_secs(2);

/// How much longer than that the answer may take.
const GRACE: Duration = Duration::from_secs(4);

/// How long a reader that nobody needs keeps its connection.
const IDLE: Duration = Duration::from_secs(30);

/// How long the server may take to kill a connection that was given up.
const BURIAL: Duration = Duration::from_secs(1);

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
}

/// The reader of one place.
pub(super) struct Reader<S> {
    pub(super) core: Arc<Core>,
    pub(super) source: Arc<S>,
    pub(super) place: Place,
    pub(super) signals: Signals,
    /// The key that something was popped off last.
    pub(super) last: String,
}

/// Why a connection is not used any more.
enum End {
    /// Nobody needs the reader.
    Idle,
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
    batches: bool,
    id: i64,
    ended: Arc<Notify>,
}

impl<S: Source> Reader<S> {
    pub(super) async fn run(mut self) {
        let mut backoff = Backoff::default();
        loop {
            match self.connect().await {
                Ok(mut pop) => {
                    backoff = Backoff::default();
                    match self.serve(&mut pop).await {
                        End::Idle => return,
                        End::Lost(reason) => {
                            let host = self.core.topology.link(self.place).host().clone();
                            tracing::warn!(%host, %reason, "a connection that receives from Redis has ended; connecting again");
                        }
                    }
                    self.bury(pop.id).await;
                }
                Err(refusal) => tracing::debug!(reason = %refusal.reason, "no connection to receive on"),
            }
            self.core.counters.reconnects.add(1);
            backoff.wait().await;
        }
    }

    async fn connect(&self) -> Result<Pop, Refusal> {
        let info = self.core.topology.address(self.place).await?;
        let ended = Arc::new(Notify::new());
        let opened = connect::open(&info, None, link::on_end(&ended, None)).await?;
        Ok(Pop { connection: opened.connection, batches: opened.version >= BATCHES, id: opened.id, ended })
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
        self.give_back(&mut pop.connection).await?;
        let keys = self.source.demand().keys(self.place, &self.last);
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
        let swept = timeout(GRACE, commands.query_async::<Vec<Vec<(Vec<u8>, f64)>>>(&mut pop.connection)).await;
        let swept = swept.map_err(|_| End::Lost(format!("no answer within {GRACE:?}").into()))??;
        for (key, messages) in keys.iter().zip(swept).filter(|(_, messages)| !messages.is_empty()) {
            self.source.take(&self.core, self.place, key, messages.into_iter().map(Popped::from).collect());
        }
        Ok(())
    }

    /// Waits until something is wanted.
    async fn idle(&self, pop: &Pop) -> Result<(), End> {
        tokio::select! {
            () = self.signals.changed.notified() => Ok(()),
            () = pop.ended.notified() => Err(End::Lost("the server hung up".into())),
            () = sleep(IDLE) => if self.source.demand().retire(self.place) { Err(End::Idle) } else { Ok(()) },
        }
    }

    /// Waits for messages under any of the keys, and takes as many as may be of the first that has some.
    async fn pop(&self, pop: &mut Pop, keys: &[Arc<str>]) -> Result<Option<(String, Vec<Popped>)>, End> {
        let mut connection = pop.connection.clone();
        let mut popping = std::pin::pin!(take(&mut connection, pop.batches, S::BATCH, keys));
        let deadline = Instant::now() + BLOCK + GRACE;
        loop {
            tokio::select! {
                biased;
                popped = &mut popping => return Ok(popped?),
                () = self.signals.changed.notified() => self.unblock(pop.id),
                () = pop.ended.notified() => return Err(End::Lost("the server hung up".into())),
                () = self.signals.deaf.notified() => return Err(End::Lost("the layer does not hear itself".into())),
                () = sleep_until(deadline) => return Err(End::Lost(format!("no answer within {:?}", BLOCK + GRACE).into())),
            }
        }
    }

    /// Has the server answer the pop that it holds, with nothing. Where that fails, the pop's own time does it.
    fn unblock(&self, id: i64) {
        let (core, place) = (Arc::clone(&self.core), self.place);
        self.core.runtime.spawn(async move {
            let mut unblock = cmd("CLIENT");
            unblock.arg("UNBLOCK").arg(id);
            if let Err(e) = core.topology.query::<()>(place, &unblock).await {
                tracing::debug!(error = %e, "a waiting pop could not be unblocked");
            }
        });
    }

    async fn give_back(&self, connection: &mut MultiplexedConnection) -> Result<(), End> {
        let returned = self.source.returned(self.place);
        if returned.is_empty() {
            return Ok(());
        }
        let mut commands = pipe();
        for (key, popped) in &returned {
            commands.cmd("ZADD").arg(&**key).arg(popped.score).arg(&popped.member[..]).ignore();
            commands.cmd("PEXPIRE").arg(&**key).arg(self.core.expiry_millis()).ignore();
        }
        match commands.query_async::<()>(connection).await {
            Ok(()) => self.core.counters.given_back.add(returned.len()),
            // They may be back, and giving them back again might deliver them twice.
            Err(e) => {
                self.core.counters.lost.add(returned.len());
                return Err(e.into());
            }
        }
        Ok(())
    }

    /// Makes sure that the server does not go on popping for a connection that was given up.
    async fn bury(&self, id: i64) {
        let mut kill = cmd("CLIENT");
        kill.arg("KILL").arg("ID").arg(id);
        // The server may be out of reach, or know already.
        let _ = timeout(BURIAL, self.core.topology.query::<()>(self.place, &kill)).await;
    }
}

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
        let answer: Option<(String, Vec<(Vec<u8>, f64)>)> = pop.query_async(connection).await?;
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
