//! Every command that a layer uses, tried on a server: whether it is there, and whether this user may.
//!
//! Redis looks at both before it looks at anything else, so the arguments are such that nothing comes of the rest: keys that
//! are nobody's, members that are only changed where they are there, connections that there are none of.

use redis::aio::MultiplexedConnection;
use redis::cmd;

use super::RefusedCommand;
use crate::GroupName;
use crate::layer::redis::config::RedisConfig;
use crate::layer::redis::connect::{LAYER, Needs, SHARDED, Version};
use crate::layer::redis::fault;
use crate::layer::redis::wire::keys::Keys;

/// Which layer the servers are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::layer::redis) enum Job {
    Core,
    PubSub,
}

/// A command to try.
struct Trial {
    /// How many of the words are the command's name.
    name: usize,
    words: &'static [&'static str],
    needed: bool,
    /// What is missing where it is refused.
    without: &'static str,
}

/// Words that stand for a key, and a Redis channel, of the layer's prefix.
const KEY: &str = "KEY";
const TOPIC: &str = "TOPIC";

/// A connection that no server has counted up to.
const NO_CLIENT: &str = "9223372036854775807";

/// The digest of no script.
const NO_SCRIPT: &str = "0000000000000000000000000000000000000000";

/// The version that brought `BZMPOP`; older ones do without.
const POPS_MANY: Version = Version(7, 0);

const SENDS: &str = "nothing can be sent";
const RECEIVES: &str = "nothing can be received";
const GROUPS: &str = "groups do not work";

const fn need(words: &'static [&'static str], without: &'static str) -> Trial {
    Trial { name: 1, words, needed: true, without }
}

const fn prefer(name: usize, words: &'static [&'static str], without: &'static str) -> Trial {
    Trial { name, words, needed: false, without }
}

const BOTH: [Trial; 3] = [
    prefer(1, &["INFO", "server"], "a server that is too old, or a replica, is not recognised"),
    prefer(1, &["ROLE"], "a master that has become a replica is noticed only when it refuses"),
    prefer(2, &["CLIENT", "KILL", "ID", NO_CLIENT], "what a lost connection had asked for may be done all the same"),
];

const CORE: [Trial; 15] = [
    need(&["EVAL", "return 0", "1", KEY], SENDS),
    need(&["EVALSHA", NO_SCRIPT, "1", KEY], SENDS),
    need(&["ZADD", KEY, "XX", "0", "nobody"], SENDS),
    need(&["ZCARD", KEY], SENDS),
    need(&["ZREMRANGEBYSCORE", KEY, "0", "0"], SENDS),
    need(&["PEXPIRE", KEY, "1000"], SENDS),
    need(&["ZPOPMIN", KEY, "1"], RECEIVES),
    need(&["BZPOPMIN", KEY, "0.01"], RECEIVES),
    need(&["ZRANGE", KEY, "0", "-1"], GROUPS),
    need(&["ZREM", KEY, "nobody"], GROUPS),
    need(&["ZSCORE", KEY, "nobody"], GROUPS),
    prefer(1, &["BZMPOP", "0.01", "1", KEY, "MIN"], "messages are taken in more steps"),
    prefer(2, &["CLIENT", "UNBLOCK", NO_CLIENT], "a receiver of another name waits up to two seconds"),
    prefer(1, &["SCAN", "0", "MATCH", KEY, "COUNT", "1"], "the layer cannot be flushed"),
    prefer(1, &["UNLINK", KEY], "the layer cannot be flushed"),
];

const PUBLISHED: Trial = need(&["PUBLISH", TOPIC, ""], SENDS);
const PUBLISHED_ON_A_SHARD: Trial = need(&["SPUBLISH", TOPIC, ""], SENDS);

impl Job {
    /// What the layer needs of a server.
    pub(super) fn needs(self, clustered: bool) -> Needs {
        match (self, clustered) {
            (Self::PubSub, true) => SHARDED,
            _ => LAYER,
        }
    }

    fn trials(self, clustered: bool) -> impl Iterator<Item = &'static Trial> {
        let own: &'static [Trial] = match (self, clustered) {
            (Self::Core, _) => &CORE,
            (Self::PubSub, false) => std::slice::from_ref(&PUBLISHED),
            (Self::PubSub, true) => std::slice::from_ref(&PUBLISHED_ON_A_SHARD),
        };
        own.iter().chain(&BOTH)
    }
}

/// The commands that the server does not do.
pub(super) async fn refused(
    connection: &mut MultiplexedConnection,
    config: &RedisConfig,
    job: Job,
    version: Version,
    clustered: bool,
) -> Vec<RefusedCommand> {
    let nobody = format!("nobody.{:016x}", fastrand::u64(..));
    let keys = Keys::new(&config.prefix);
    let key = keys.messages(&nobody);
    let topic = GroupName::new(&nobody).map_or_else(|_| key.clone(), |group| keys.group_topic(&group));
    let mut refused = Vec::new();
    for trial in job.trials(clustered).filter(|trial| trial.words[0] != "BZMPOP" || version >= POPS_MANY) {
        let mut command = cmd(trial.words[0]);
        for word in &trial.words[1..] {
            command.arg(match *word {
                KEY => key.as_str(),
                TOPIC => topic.as_str(),
                word => word,
            });
        }
        let Err(e) = command.query_async::<redis::Value>(connection).await else { continue };
        let forbidden = fault::is_forbidden(&e);
        if forbidden || fault::is_unknown(&e) {
            let &Trial { needed, without, .. } = trial;
            refused.push(RefusedCommand { command: trial.words[..trial.name].join(" "), forbidden, needed, without });
        }
    }
    refused
}
