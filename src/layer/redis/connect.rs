//! Opening one connection to a server, and finding out whether it is a server that can be used.

use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, ConnectionInfo, ErrorKind as Kind, ProtocolVersion, PushInfo, RedisError,
    ServerErrorKind, Value, cmd,
};

use super::host::Target;

/// How long opening a connection may take, log-in and all.
const ATTEMPT: Duration = Duration::from_secs(3);

/// How long the server may take to kill a connection that was given up.
const BURIAL: Duration = Duration::from_secs(1);

/// How long one sentinel may take to answer before the next one is asked.
const SENTINEL: Duration = Duration::from_secs(1);

/// How long one node of a cluster may take to say who serves what.
const NODE: Duration = Duration::from_secs(1);

/// What every layer needs: `BZPOPMIN`, `CLIENT UNBLOCK`.
pub(super) const LAYER: Needs = Needs { oldest: Version(5, 0), who: "a channel layer" };

/// What pub/sub over a cluster needs: `SSUBSCRIBE`.
pub(super) const SHARDED: Needs = Needs { oldest: Version(7, 0), who: "pub/sub over a Redis Cluster" };

/// How many commands may wait to be written. The library's own default makes a hundred tasks wait for each other.
const PIPELINE: usize = 1024;

const REPLICA: &str = "it is a read-only replica: name its master, or sentinels that know it";
const IN_CLUSTER: &str = "it is a node of a Redis Cluster: name it as one, as in redis-cluster://HOST:PORT";
const IN_NO_CLUSTER: &str = "it is a Redis of its own, not a node of a Redis Cluster: name it as redis://HOST:PORT";

/// What the server sends without being asked, and [`redis::PushKind::Disconnection`] when the connection has ended.
pub(super) type OnPush = Arc<dyn Fn(PushInfo) + Send + Sync>;

/// A version of Redis: major, minor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version(pub(super) u32, pub(super) u32);

/// The oldest version that will do, and who needs it.
#[derive(Clone, Copy)]
pub(super) struct Needs {
    oldest: Version,
    who: &'static str,
}

/// What to connect to, and what it must be.
#[derive(Clone)]
pub(super) struct Server {
    pub(super) info: ConnectionInfo,
    pub(super) needs: Needs,
    /// Whether it is a node of a cluster.
    pub(super) clustered: bool,
}

/// An open connection and what is at its other end.
#[derive(Clone)]
pub(super) struct Opened {
    pub(super) connection: MultiplexedConnection,
    pub(super) version: Version,
    pub(super) id: Id,
    /// Whether the server can send without being asked, as it does what was published.
    pub(super) pushes: bool,
}

/// Which connection of which process of a server. Another server, or the same one started again, has given the number to
/// somebody else.
#[derive(Clone, Debug)]
pub(super) struct Id {
    pub(super) number: i64,
    /// What the process calls itself, unless it does not tell.
    run: Option<Arc<str>>,
}

/// Why a server cannot be used.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) reason: Arc<str>,
    /// Whether only somebody who changes the settings or the server can help.
    pub(super) lasting: bool,
}

/// Opens a connection. `answers` bounds the wait for each answer; a connection for commands that block has no such
/// bound, since what such a command takes off a queue after its time would be lost.
pub(super) async fn open(server: &Server, answers: Option<Duration>, push: OnPush) -> Result<Opened, Refusal> {
    let info = &server.info;
    let attempt = async {
        let (connection, pushes) = match dial(info, ProtocolVersion::RESP3, answers, &push).await {
            Err(e) if is_old(&e) => (dial(info, ProtocolVersion::RESP2, answers, &push).await, false),
            dialled => (dialled, true),
        };
        let mut connection = connection.map_err(|e| Refusal::of(&e))?;
        let (version, run) = examine(&mut connection, server).await?;
        // Both are for people and for tidying up; a server that refuses them can do without.
        let _ = cmd("CLIENT").arg("SETNAME").arg("channel-layers").query_async::<()>(&mut connection).await;
        let number = cmd("CLIENT").arg("ID").query_async(&mut connection).await.unwrap_or_default();
        Ok(Opened { connection, version, id: Id { number, run }, pushes })
    };
    match tokio::time::timeout(ATTEMPT, attempt).await {
        Ok(opened) => opened,
        Err(_) => Err(Refusal { reason: format!("no answer within {ATTEMPT:?}").into(), lasting: false }),
    }
}

/// Opens a connection. Only one that speaks RESP3 says when it has ended, and can be subscribed.
async fn dial(
    info: &ConnectionInfo,
    protocol: ProtocolVersion,
    answers: Option<Duration>,
    push: &OnPush,
) -> Result<MultiplexedConnection, RedisError> {
    let mut config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(ATTEMPT))
        .set_response_timeout(answers)
        .set_pipeline_buffer_size(PIPELINE);
    if protocol == ProtocolVersion::RESP3 {
        let push = Arc::clone(push);
        config = config.set_push_sender(move |info| {
            push(info);
            Ok::<(), std::convert::Infallible>(())
        });
    }
    let info = info.clone().set_redis_settings(info.redis_settings().clone().set_protocol(protocol));
    Client::open(info)?.get_multiplexed_async_connection_with_config(&config).await
}

/// Whether a layer can work with the server.
async fn examine(
    connection: &mut MultiplexedConnection,
    server: &Server,
) -> Result<(Version, Option<Arc<str>>), Refusal> {
    let Needs { oldest, who } = server.needs;
    let lasting = |reason: String| Refusal { reason: reason.into(), lasting: true };
    let info: String = match cmd("INFO").query_async(connection).await {
        Ok(info) => info,
        // A user who may not ask gets the benefit of the doubt.
        Err(e) if matches!(e.kind(), Kind::Server(ServerErrorKind::NoPerm)) => return Ok((oldest, None)),
        Err(e) => return Err(Refusal::of(&e)),
    };
    let field = |name: &str| info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim);
    let version = field("redis_version").and_then(Version::parse).unwrap_or(oldest);
    if version < oldest {
        let (Version(is, minor), Version(needed, least)) = (version, oldest);
        return Err(lasting(format!("it is Redis {is}.{minor}, and {who} needs {needed}.{least} or later: update it")));
    }
    if !server.clustered && field("cluster_enabled") == Some("1") {
        return Err(lasting(IN_CLUSTER.into()));
    }
    if field("role") == Some("slave") {
        return Err(lasting(REPLICA.into()));
    }
    if field("loading") == Some("1") {
        return Err(Refusal { reason: "it is loading its data".into(), lasting: false });
    }
    Ok((version, field("run_id").map(Into::into)))
}

/// Asks for a sign of life, and whether the server still takes writes; says what is wrong where something is.
pub(super) async fn is_alive(connection: &mut MultiplexedConnection) -> Result<(), Arc<str>> {
    match cmd("ROLE").query_async::<Vec<Value>>(connection).await {
        Ok(role) if role.first().is_some_and(is_replica) => Err(REPLICA.into()),
        Ok(_) => Ok(()),
        // An answer is a sign of life too.
        Err(e) if matches!(e.kind(), Kind::Server(ServerErrorKind::NoPerm)) => Ok(()),
        Err(e) => Err(e.to_string().into()),
    }
}

fn is_replica(role: &Value) -> bool {
    matches!(role, Value::BulkString(role) if role == b"slave")
}

impl Id {
    /// Whether another connection leads to the same process.
    pub(super) fn is_beside(&self, other: &Self) -> bool {
        self.run.is_some() && self.run == other.run
    }

    /// Whether it leads to another one for certain.
    pub(super) fn is_apart(&self, other: &Self) -> bool {
        matches!((&self.run, &other.run), (Some(one), Some(other)) if one != other)
    }
}

impl Opened {
    /// Has the server kill a connection that was given up, if it is the one that has it. So what is still on its way there
    /// is not done when it arrives. A connection that is not there any more, or that the user may not kill, is no fault.
    pub(super) async fn bury(&self, given_up: Option<&Id>) -> Result<(), Refusal> {
        let Some(id) = given_up.filter(|id| self.id.is_beside(id)) else { return Ok(()) };
        let passing = |reason: String| Refusal { reason: reason.into(), lasting: false };
        let (mut connection, mut kill) = (self.connection.clone(), cmd("CLIENT"));
        kill.arg("KILL").arg("ID").arg(id.number);
        match tokio::time::timeout(BURIAL, kill.query_async::<()>(&mut connection)).await {
            Ok(Err(e)) if e.is_io_error() => Err(passing(e.to_string())),
            Ok(_) => Ok(()),
            Err(_) => Err(passing(format!("no answer within {BURIAL:?}"))),
        }
    }
}

impl Version {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.').map(|part| part.parse().ok());
        Some(Self(parts.next()??, parts.next()??))
    }
}

impl Refusal {
    fn of(fault: &RedisError) -> Self {
        Self { lasting: is_lasting(fault), reason: fault.to_string().into() }
    }

    /// One that waiting may mend.
    pub(super) fn passing(reason: impl Into<Arc<str>>) -> Self {
        Self { reason: reason.into(), lasting: false }
    }
}

/// Whether a server does not know `HELLO`. The library knows how Redis 5 says so, and Redis 4 says it in other quotes.
fn is_old(fault: &RedisError) -> bool {
    let unknown = |text: &str| text.starts_with("unknown command") && text.contains("HELLO");
    fault.kind() == Kind::RESP3NotSupported || fault.detail().is_some_and(unknown)
}

fn is_lasting(fault: &RedisError) -> bool {
    let refused = ["WRONGPASS", "NOAUTH", "NOPERM"].iter().any(|code| fault.code() == Some(code));
    refused || matches!(fault.kind(), Kind::AuthenticationFailed | Kind::InvalidClientConfig)
}

/// Finds the server that commands go to.
pub(super) async fn resolve(target: &Target) -> Result<Server, Refusal> {
    let alone = |info| Server { info, needs: LAYER, clustered: false };
    match target {
        Target::Server(info) => Ok(alone(info.clone())),
        Target::Sentinel { sentinels, master_name, master } => {
            let (host, port) = ask_sentinels(sentinels, master_name).await?;
            Ok(alone(master.at(&host, port)))
        }
        Target::Node(node) => Ok(node.clone()),
        Target::Cluster { .. } => Err(Refusal { reason: "a cluster has no one server".into(), lasting: true }),
    }
}

/// Asks one sentinel after the other where the master is.
async fn ask_sentinels(sentinels: &[ConnectionInfo], master_name: &str) -> Result<(String, u16), Refusal> {
    let mut reason = String::from("there are none");
    for sentinel in sentinels {
        match tokio::time::timeout(SENTINEL, ask_sentinel(sentinel, master_name)).await {
            Ok(Ok(Some(address))) => return Ok(address),
            Ok(Ok(None)) => reason = format!("{} knows no master {master_name}", sentinel.addr()),
            Ok(Err(e)) => reason = format!("{}: {e}", sentinel.addr()),
            Err(_) => reason = format!("{}: no answer within {SENTINEL:?}", sentinel.addr()),
        }
    }
    Err(Refusal { reason: format!("no sentinel named the master; the last one: {reason}").into(), lasting: false })
}

async fn ask_sentinel(sentinel: &ConnectionInfo, master_name: &str) -> Result<Option<(String, u16)>, RedisError> {
    let nobody: OnPush = Arc::new(|_| ());
    let mut connection = dial(sentinel, ProtocolVersion::RESP2, Some(SENTINEL), &nobody).await?;
    cmd("SENTINEL").arg("GET-MASTER-ADDR-BY-NAME").arg(master_name).query_async(&mut connection).await
}

/// Asks a server that is not connected to yet who serves what in its cluster.
pub(super) async fn ask_seed(seed: &ConnectionInfo) -> Result<(Value, String), Refusal> {
    let attempt = async {
        let nobody: OnPush = Arc::new(|_| ());
        let mut connection =
            dial(seed, ProtocolVersion::RESP2, Some(NODE), &nobody).await.map_err(|e| Refusal::of(&e))?;
        ask_node(&mut connection).await
    };
    match tokio::time::timeout(ATTEMPT, attempt).await {
        Ok(answer) => answer
            .map_err(|refusal| Refusal { reason: format!("{}: {}", seed.addr(), refusal.reason).into(), ..refusal }),
        Err(_) => Err(Refusal::passing(format!("{}: no answer within {ATTEMPT:?}", seed.addr()))),
    }
}

/// Asks a node who serves what, and how the cluster is: the answers to `CLUSTER SLOTS` and `CLUSTER INFO`.
pub(super) async fn ask_node(connection: &mut MultiplexedConnection) -> Result<(Value, String), Refusal> {
    let questions = async {
        let slots = cmd("CLUSTER").arg("SLOTS").query_async(connection).await?;
        match cmd("CLUSTER").arg("INFO").query_async(connection).await {
            Err(e) if matches!(e.kind(), Kind::Server(ServerErrorKind::NoPerm)) => Ok((slots, String::new())),
            info => info.map(|info| (slots, info)),
        }
    };
    match tokio::time::timeout(NODE, questions).await {
        Ok(Err(e)) if e.to_string().contains("cluster support disabled") => {
            Err(Refusal { reason: IN_NO_CLUSTER.into(), lasting: true })
        }
        Ok(answers) => answers.map_err(|e| Refusal::of(&e)),
        Err(_) => Err(Refusal::passing(format!("no answer within {NODE:?}"))),
    }
}
