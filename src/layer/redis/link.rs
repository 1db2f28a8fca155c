//! The connection that commands to one server go through, kept up by a task of its own.
//!
//! What must stay true: the supervisor runs until the link is dropped, and is always either connecting, waiting to, or
//! watching a connection that it will give up once the server has been silent for [`SILENCE`]. So a link is never deaf
//! for good, whatever the network does.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use redis::{ConnectionAddr, ConnectionInfo, PushInfo, PushKind};
use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout};

use super::backoff::Backoff;
use super::connect::{self, Id, OnPush, Opened, Refusal, Version};
use super::fault;
use super::host::Target;
use crate::{Error, Result};

/// How often a connection is asked for a sign of life.
const PING: Duration = Duration::from_secs(2);

/// How long the server may take to give one, before the connection is given up.
const SILENCE: Duration = Duration::from_secs(4);

/// The link to one server. Cloning gives another handle; the last one that is dropped ends it.
#[derive(Clone)]
pub(super) struct Link(Arc<Inner>);

struct Inner {
    host: Arc<str>,
    state: watch::Receiver<State>,
    suspect: Arc<Notify>,
    deaf: Arc<Notify>,
    over: Arc<Notify>,
    patience: Duration,
    supervisor: AbortHandle,
}

/// What gets everything that a server sends without being asked: the link's host, the how many-th connection, and that.
pub(super) type Listener = Arc<dyn Fn(&Arc<str>, u64, PushInfo) + Send + Sync>;

/// Where a link is, or a cluster of them.
#[derive(Clone)]
pub(super) enum State<C = Opened> {
    /// There is no connection, and why, once that is known.
    Down(Option<Refusal>),
    /// The connection, and the how many-th it is.
    Up(C, u64),
}

impl Link {
    /// Begins to connect. `patience` is how long a verb waits for the server; `push` gets what the server sends without
    /// being asked.
    pub(super) fn new(
        host: &str,
        target: Target,
        patience: Duration,
        push: Option<Listener>,
        runtime: &Handle,
    ) -> Self {
        let (sender, state) = watch::channel(State::Down(None));
        let host: Arc<str> = host.into();
        let (suspect, deaf, over) = <(Arc<Notify>, Arc<Notify>, Arc<Notify>)>::default();
        let supervisor = Supervisor {
            host: Arc::clone(&host),
            target,
            state: sender,
            suspect: Arc::clone(&suspect),
            deaf: Arc::clone(&deaf),
            over: Arc::clone(&over),
            patience,
            push,
        };
        let supervisor = runtime.spawn(supervisor.run()).abort_handle();
        Self(Arc::new(Inner { host, state, suspect, deaf, over, patience, supervisor }))
    }

    pub(super) fn host(&self) -> &Arc<str> {
        &self.0.host
    }

    /// Follows where the link is.
    pub(super) fn watch(&self) -> watch::Receiver<State> {
        self.0.state.clone()
    }

    /// The connection, if there is one.
    pub(super) fn now(&self) -> Option<Opened> {
        match &*self.0.state.borrow() {
            State::Up(opened, _) => Some(opened.clone()),
            State::Down(_) => None,
        }
    }

    /// Waits for a connection.
    pub(super) async fn up(&self) -> Opened {
        let mut state = self.watch();
        loop {
            if let State::Up(opened, _) = &*state.borrow_and_update() {
                return opened.clone();
            }
            if state.changed().await.is_err() {
                // The link was ended.
                std::future::pending::<()>().await;
            }
        }
    }

    /// Waits until a connection was made once, or was refused in a way that waiting does not mend.
    pub(super) async fn settled(&self) -> Result<()> {
        let mut state = self.watch();
        let settled = async {
            let settled = state.wait_for(|state| match state {
                State::Up(..) => true,
                State::Down(refusal) => refusal.as_ref().is_some_and(|refusal| refusal.lasting),
            });
            settled.await.is_ok_and(|state| matches!(*state, State::Up(..)))
        };
        match timeout(self.0.patience, settled).await {
            Ok(true) => Ok(()),
            _ => Err(self.unreachable()),
        }
    }

    /// The error where there is no connection.
    pub(super) fn unreachable(&self) -> Error {
        let reason = match &*self.0.state.borrow() {
            State::Down(Some(refusal)) => Arc::clone(&refusal.reason),
            _ => "no connection yet".into(),
        };
        fault::unreachable(&self.0.host, &reason)
    }

    /// Has the connection made anew: it answers, and does not do what it is for.
    pub(super) fn reset(&self) {
        self.0.deaf.notify_one();
    }

    /// Ends the connection, whoever still holds the link, and makes no other.
    pub(super) fn end(&self) {
        self.0.over.notify_one();
    }

    /// Has the connection looked after at once.
    pub(super) fn suspect(&self) {
        self.0.suspect.notify_one();
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Link({})", self.0.host)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.supervisor.abort();
    }
}

/// The task that keeps a link up.
struct Supervisor {
    host: Arc<str>,
    target: Target,
    state: watch::Sender<State>,
    /// Somebody has reason to think that the connection, or the server, is not what it should be.
    suspect: Arc<Notify>,
    deaf: Arc<Notify>,
    over: Arc<Notify>,
    patience: Duration,
    push: Option<Listener>,
}

impl Supervisor {
    async fn run(self) {
        tokio::select! {
            () = self.over.notified() => {}
            () = self.keep_up() => {}
        }
        self.state.send_replace(State::Down(Some(Refusal { reason: "the layer was closed".into(), lasting: true })));
    }

    async fn keep_up(&self) {
        let (mut made, mut backoff, mut given_up) = (0, Backoff::default(), None);
        loop {
            let refusal = match self.connect(made + 1, given_up.as_ref()).await {
                Ok((opened, info, ended)) => {
                    made += 1;
                    given_up = Some(opened.id.clone());
                    self.state.send_replace(State::Up(opened.clone(), made));
                    let begun = Instant::now();
                    let reason = self.keep(opened, info.addr(), &ended).await;
                    backoff.lasted(begun.elapsed());
                    tracing::warn!(host = %self.host, %reason, "the connection to Redis has ended; connecting again");
                    Refusal { reason, lasting: false }
                }
                Err(refusal) => {
                    self.tell(&refusal);
                    refusal
                }
            };
            self.state.send_replace(State::Down(Some(refusal)));
            backoff.wait().await;
        }
    }

    /// Connects, for the how many-th time; what was given up before is killed, so that it neither carries out late what
    /// its callers were told has failed, nor counts as a subscriber.
    async fn connect(
        &self,
        number: u64,
        given_up: Option<&Id>,
    ) -> Result<(Opened, ConnectionInfo, Arc<Notify>), Refusal> {
        let server = connect::resolve(&self.target).await?;
        let ended = Arc::new(Notify::new());
        let push = self.push.clone().map(|push| {
            let host = Arc::clone(&self.host);
            Arc::new(move |info: PushInfo| push(&host, number, info)) as OnPush
        });
        let opened = connect::open(&server, Some(self.patience), on_end(&ended, push)).await?;
        if self.push.is_some() && !opened.pushes {
            let Version(major, minor) = opened.version;
            let reason = format!("it is Redis {major}.{minor}, and the pub/sub layer needs 6.0 or later: update it");
            return Err(Refusal { reason: reason.into(), lasting: true });
        }
        opened.bury(given_up).await?;
        Ok((opened, server.info, ended))
    }

    /// Logs a refusal, once for each reason of an outage.
    fn tell(&self, refusal: &Refusal) {
        let known = matches!(&*self.state.borrow(), State::Down(Some(last)) if last.reason == refusal.reason);
        if !known {
            tracing::warn!(host = %self.host, reason = %refusal.reason, "Redis is out of reach; trying again");
        }
    }

    /// Whether the sentinels, where there are any, still name this server. One that was replaced takes itself for a master
    /// for many seconds yet, and what it is sent in these is lost.
    async fn is_master(&self, at: &ConnectionAddr) -> Result<(), Arc<str>> {
        if let Target::Sentinel { .. } = &self.target
            && let Ok(named) = connect::resolve(&self.target).await
            && named.info.addr() != at
        {
            return Err("the sentinels name another master".into());
        }
        Ok(())
    }

    /// Watches a connection, until it has to be given up; returns why.
    async fn keep(&self, mut opened: Opened, at: &ConnectionAddr, ended: &Notify) -> Arc<str> {
        loop {
            tokio::select! {
                () = ended.notified() => return "the server hung up".into(),
                () = self.deaf.notified() => return "the layer does not hear itself".into(),
                () = self.suspect.notified() => {}
                () = tokio::time::sleep(PING) => {}
            }
            let look = async {
                match timeout(SILENCE, connect::is_alive(&mut opened.connection)).await {
                    Ok(Ok(())) => self.is_master(at).await,
                    Ok(Err(reason)) => Err(reason),
                    Err(_) => Err(format!("the server was silent for {SILENCE:?}").into()),
                }
            };
            tokio::select! {
                () = ended.notified() => return "the server hung up".into(),
                found = look => if let Err(reason) = found { return reason },
            }
        }
    }
}

/// Notifies when a connection has ended, and passes everything else on.
pub(super) fn on_end(ended: &Arc<Notify>, push: Option<OnPush>) -> OnPush {
    let ended = Arc::clone(ended);
    Arc::new(move |info: PushInfo| match (&info.kind, &push) {
        (PushKind::Disconnection, _) => ended.notify_one(),
        (_, Some(push)) => push(info),
        (_, None) => {}
    })
}
