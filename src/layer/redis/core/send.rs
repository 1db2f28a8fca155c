//! Sending: one round trip to a channel, two to a group.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use futures_util::future::join_all;
use redis::{ErrorKind as Kind, ServerErrorKind, Value, cmd};

use super::Core;
use crate::layer::redis::fault;
use crate::layer::redis::script::Script;
use crate::layer::redis::topology::{self, Place};
use crate::layer::redis::wire::To;
use crate::{ChannelName, Error, ErrorKind, GroupName, Message, Result};

/// How many keys one run of the script writes to. Redis does nothing else meanwhile: about half a millisecond.
const CHUNK: usize = 100;

/// Adds a message under each key that has room beside what has not expired there, and drops what has. Answers with how
/// many had none. Adding comes before dropping: a script that has written something is not held to `maxmemory` any more.
///
/// Arguments: the score, the lowest score that has not expired, the time to live in milliseconds; then a message and a
/// capacity for each key.
static PUT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local full = 0 \
         for at, key in ipairs(KEYS) do \
             if redis.call('ZCOUNT', key, '(' .. ARGV[2], '+inf') < tonumber(ARGV[3 + 2 * at]) then \
                 redis.call('ZADD', key, ARGV[1], ARGV[2 + 2 * at]) \
                 redis.call('PEXPIRE', key, ARGV[3]) \
                 redis.call('ZREMRANGEBYSCORE', key, 0, ARGV[2]) \
             else \
                 full = full + 1 \
             end \
         end \
         return full",
    )
});

/// A message for one key.
pub(super) struct Parcel {
    pub(super) key: String,
    pub(super) bytes: Vec<u8>,
    pub(super) capacity: usize,
}

impl Core {
    pub(super) async fn send(&self, channel: &ChannelName, message: &Message) -> Result<()> {
        self.local.check_open()?;
        self.local.check_size(message)?;
        let to = channel.is_local().then_some(To::Channel(channel.as_str()));
        let capacity = self.local.settings().capacity_of(channel);
        let parcel = Parcel { key: self.keys.messages(channel.non_local()), bytes: self.seal(message, to)?, capacity };
        let place = match channel.is_local() {
            true => self.topology.place(channel.non_local(), &parcel.key),
            // Django's workers look at one host after the other.
            false => self.topology.turn(&parcel.key),
        };
        match self.put(place, &[parcel]).await? {
            0 => Ok(()),
            _ => {
                let text = format!("channel {channel} is full: its capacity is {capacity} messages");
                Err(Error::new(ErrorKind::ChannelFull, text))
            }
        }
    }

    pub(super) async fn group_send(&self, group: &GroupName, message: &Message) -> Result<()> {
        self.local.check_open()?;
        self.local.check_size(message)?;
        let members = self.members(group).await?;
        let parcels = self.parcels(&members, message)?;
        let runs =
            parcels.iter().flat_map(|(place, parcels)| parcels.chunks(CHUNK).map(|parcels| self.put(*place, parcels)));
        // All of them, also where one fails: the other hosts' members get the message.
        let (mut full, mut taken, mut failed) = (0, false, None);
        for run in join_all(runs).await {
            match run {
                Ok(without_room) => (full, taken) = (full + without_room, true),
                Err(e) => failed = Some(e),
            }
        }
        if full > 0 {
            self.counters.over_capacity.add(full);
            tracing::info!(%group, full, "a message to the group left out processes that were at capacity");
        }
        match failed {
            None => Ok(()),
            // Whoever sends it again sends it to some for the second time.
            Some(e) if taken => Err(partly(group, e)),
            Some(e) => Err(e),
        }
    }

    /// The members of a group, in the order in which they were added.
    async fn members(&self, group: &GroupName) -> Result<Vec<ChannelName>> {
        let key = self.keys.group(group);
        let over = self.now().as_secs().saturating_sub(self.local.settings().group_expiry.as_secs());
        let place = self.topology.place(group.as_str(), &key);
        let (mut forget, mut range) = (cmd("ZREMRANGEBYSCORE"), cmd("ZRANGE"));
        forget.arg(&key).arg(0).arg(over);
        range.arg(&key).arg(0).arg(-1);
        let mut answers = self.topology.batch(&[(place, forget), (place, range)]).await?;
        let members: Vec<Vec<u8>> = topology::read(self.topology.host(place), answers.pop().unwrap_or(Value::Nil))?;
        // What is no channel name was put there by something else, and has no key.
        let name = |member| ChannelName::new(String::from_utf8(member).ok()?).ok();
        Ok(members.into_iter().filter_map(name).collect())
    }

    /// One message for each key: members that share one are named in it.
    fn parcels(&self, members: &[ChannelName], message: &Message) -> Result<BTreeMap<Place, Vec<Parcel>>> {
        let mut by_key: BTreeMap<&str, (&ChannelName, Vec<&str>)> = BTreeMap::new();
        for member in members {
            by_key.entry(member.non_local()).or_insert((member, Vec::new())).1.push(member.as_str());
        }
        let mut parcels: BTreeMap<Place, Vec<Parcel>> = BTreeMap::new();
        for (non_local, (first, members)) in by_key {
            let key = self.keys.messages(non_local);
            let place = self.topology.place(non_local, &key);
            let capacity = self.local.settings().capacity_of(first);
            let bytes = self.seal(message, Some(To::Members(&members)))?;
            parcels.entry(place).or_default().push(Parcel { key, bytes, capacity });
        }
        Ok(parcels)
    }

    /// Puts messages under their keys; returns how many keys had no room. While the slot of several keys is on its way to
    /// another node, some of them here and some there, no node takes all: then each is put alone.
    pub(super) async fn put(&self, place: Place, parcels: &[Parcel]) -> Result<usize> {
        match self.put_at_once(place, parcels).await {
            Err(e) if parcels.len() > 1 && fault::is_from(&e, Kind::Server(ServerErrorKind::TryAgain)) => {
                let alone = parcels.iter().map(|parcel| self.put_at_once(place, std::slice::from_ref(parcel)));
                join_all(alone).await.into_iter().sum()
            }
            put => put,
        }
    }

    async fn put_at_once(&self, place: Place, parcels: &[Parcel]) -> Result<usize> {
        let keys: Vec<&str> = parcels.iter().map(|parcel| parcel.key.as_str()).collect();
        let now = self.now();
        let score = self.clock.next(now);
        let expired = now.as_secs_f64() - self.local.settings().expiry.as_secs_f64();
        let times = [score.to_string(), expired.to_string(), self.expiry_millis().to_string()];
        let capacities: Vec<String> = parcels.iter().map(|parcel| parcel.capacity.to_string()).collect();
        let messages =
            parcels.iter().zip(&capacities).flat_map(|(parcel, capacity)| [&parcel.bytes[..], capacity.as_bytes()]);
        let arguments: Vec<&[u8]> = times.iter().map(|time| time.as_bytes()).chain(messages).collect();
        self.topology.script(place, &PUT, &keys, &arguments).await
    }
}

/// The error where a message reached some members of a group, and not those whose messages are elsewhere.
fn partly(group: &GroupName, why: Error) -> Error {
    let text = format!("the message to group {group} reached only some of its members: {why}");
    Error::new(ErrorKind::Disconnected, text).with_source(why)
}
