//! The tasks that take messages off keys: one for each kind of channels and each place, with a connection of its own.
//!
//! What must stay true: a pop that was sent is never cancelled, since the server would hand a message to nobody; to look
//! at other keys it is unblocked on the server, over the connection for commands. A connection that is given up is killed
//! on the server before the next one pops. What is popped and not wanted any more is given back before the next pop, on
//! the same connection, so that nothing overtakes it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use redis::aio::MultiplexedConnection;
use redis::{Pipeline, RedisError, cmd, pipe};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::Core;
use super::demand::{Demand, Signals};
use crate::layer::redis::backoff::Backoff;
use crate::layer::redis::connect::{self, Id, Opened, Refusal, Version};
use crate::layer::redis::link;
use crate::layer::redis::topology::Place;

/// How long a pop waits on the server. A longer time saves a command now and then, and takes longer to find a
/// connection that leads nowhere.
const BLOCK: Duration = Duration::from_secs(2);

/// How much longer than that the answer may take.
const GRACE: Duration = Duration::from_secs(4);

/// How long a reader that nobody needs keeps its connection.
const IDLE: Duration = Duration::from_secs(30);

/// The first version with `BZMPOP`.
const BATCHES: Version = Version(7, 0);

/// A message as it was in Redis, with its score.
#[derive(Clone, Debug)]
pub(super) struct Popped {
    pub(super) member: Bytes,
    pub(super) score: f64,
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
    id: Id,
    ended: Arc<Notify>,
}

impl<S: Source> Reader<S> {
    pub(super) async fn run(mut self) {
        let (mut backoff, mut given_up) = (Backoff::default(), None);
        loop {
            match self.connect(given_up.as_ref()).await {
                Ok(mut pop) => {
                    if given_up.is_some() {
                        self.core.counters.reconnects.add(1);
                    }
                    let begun = Instant::now();
                    let End::Lost(reason) = self.serve(&mut pop).await else { return };
                    backoff.lasted(begun.elapsed());
                    self.tell(&reason, backoff.is_first());
                    let id = pop.id.clone();
                    drop(pop);
                    self.bury(&id).await;
                    given_up = Some(id);
                }
                Err(refusal) => tracing::debug!(reason = %refusal.reason, "no connection to receive on"),
            }
            backoff.wait().await;
        }
    }

    fn tell(&self, reason: &str, first: bool) {
        let host = self.core.topology.link(self.place).host();
        match first {
            true => tracing::warn!(%host, reason, "a connection that receives from Redis has ended; connecting again"),
            false => tracing::debug!(%host, reason, "a connection that receives from Redis has ended again"),
        }
    }

    /// Connects, and kills what was given up before: from here, because the way there may have been shut until now.
    async fn connect(&self, given_up: Option<&Id>) -> Result<Pop, Refusal> {
        let info = self.core.topology.address(self.place).await?;
        let ended = Arc::new(Notify::new());
        let opened = connect::open(&info, None, link::on_end(&ended, None)).await?;
        opened.bury(given_up).await?;
        // Whoever called it deaf meant the one before.
        let _ = self.signals.deaf.notified().now_or_never();
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
        // After a failover the old server pops on for whoever asks it.
        if self.core.topology.link(self.place).now().is_some_and(|opened| opened.id.is_apart(&pop.id)) {
            return Err(End::Lost("messages go to another server".into()));
        }
        self.give_back(&mut pop.connection).await?;
        let keys = self.source.demand().keys(self.place, &self.last);
        if keys.is_empty() {
            return self.idle(pop).await;
        }
        let Some((key, popped)) = self.pop(pop, &keys).await? else { return Ok(()) };
        self.source.take(&self.core, self.place, &key, popped);
        self.last = key;
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
        let deadline = Instant::now() + BLOCK + GRACE;
        loop {
            tokio::select! {
                biased;
                popped = &mut popping => return Ok(popped?),
                () = self.signals.changed.notified() => self.unblock(&pop.id),
                () = pop.ended.notified() => return Err(End::Lost("the server hung up".into())),
                () = self.signals.deaf.notified() => return Err(End::Lost("the layer does not hear itself".into())),
                () = sleep_until(deadline) => return Err(End::Lost(format!("no answer within {:?}", BLOCK + GRACE).into())),
            }
        }
    }

    /// Has the server answer the pop that it holds, with nothing. Where that fails, the pop's own time does it.
    fn unblock(&self, id: &Id) {
        let (number, Some(mut commands)) = (id.number, self.commands(id)) else { return };
        self.core.runtime.spawn(async move {
            if let Err(e) = cmd("CLIENT").arg("UNBLOCK").arg(number).query_async::<()>(&mut commands.connection).await {
                tracing::debug!(error = %e, "a waiting pop could not be unblocked");
            }
        });
    }

    /// What commands go through, if that leads to the server that knows this number.
    fn commands(&self, id: &Id) -> Option<Opened> {
        self.core.topology.link(self.place).now().filter(|opened| opened.id.is_beside(id))
    }

    async fn give_back(&self, connection: &mut MultiplexedConnection) -> Result<(), End> {
        let returned = self.source.returned(self.place);
        let Some(commands) = self.core.giving_back(&returned) else { return Ok(()) };
        let back = match timeout(GRACE, commands.query_async::<()>(connection)).await {
            Ok(back) => back.map_err(End::from),
            Err(_) => Err(End::Lost(format!("no answer within {GRACE:?}").into())),
        };
        // Where it failed they may be back all the same, and giving them back again might deliver them twice.
        let counter = if back.is_ok() { &self.core.counters.given_back } else { &self.core.counters.lost };
        counter.add(returned.len());
        back
    }

    /// Has the server pop no more for a connection that was given up, if it can be told by now.
    async fn bury(&self, id: &Id) {
        if let Some(commands) = self.commands(id) {
            // Where it cannot, the next connection tells it before it pops.
            let _ = commands.bury(Some(id)).await;
        }
    }
}

impl Core {
    /// The commands that give messages back, if there are any.
    pub(super) fn giving_back(&self, returned: &[(Arc<str>, Popped)]) -> Option<Pipeline> {
        let mut commands = pipe();
        for (key, popped) in returned {
            commands.cmd("ZADD").arg(&**key).arg(popped.score).arg(&popped.member[..]).ignore();
            commands.cmd("PEXPIRE").arg(&**key).arg(self.expiry_millis()).ignore();
        }
        (!returned.is_empty()).then_some(commands)
    }
}

async fn take(
    connection: &mut MultiplexedConnection,
    batches: bool,
    most: usize,
    keys: &[Arc<str>],
) -> Result<Option<(String, Vec<Popped>)>, RedisError> {
    let keys = keys.iter().map(|key| &**key).collect::<Vec<_>>();
    let popped = |(member, score): (Vec<u8>, f64)| Popped { member: member.into(), score };
    if batches {
        let mut pop = cmd("BZMPOP");
        pop.arg(BLOCK.as_secs()).arg(keys.len()).arg(keys).arg("MIN").arg("COUNT").arg(most);
        let answer: Option<(String, Vec<(Vec<u8>, f64)>)> = pop.query_async(connection).await?;
        return Ok(answer.map(|(key, messages)| (key, messages.into_iter().map(popped).collect())));
    }
    let mut pop = cmd("BZPOPMIN");
    pop.arg(keys).arg(BLOCK.as_secs());
    let answer: Option<(String, Vec<u8>, f64)> = pop.query_async(connection).await?;
    let Some((key, member, score)) = answer else { return Ok(None) };
    let mut messages = vec![popped((member, score))];
    if most > 1 {
        let more: Vec<(Vec<u8>, f64)> = cmd("ZPOPMIN").arg(&key).arg(most - 1).query_async(connection).await?;
        messages.extend(more.into_iter().map(popped));
    }
    Ok(Some((key, messages)))
}
