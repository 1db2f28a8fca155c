//! The layer's own messages: over each host one back to itself, every few seconds.
//!
//! They tell three things apart: a server that cannot be reached, a reader that is deaf, and a server that has lost the
//! memberships of this process. The last two are mended here.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::Core;
use super::reader::Source;
use super::send::Parcel;
use crate::layer::redis::now;
use crate::layer::redis::topology::{self, Place};
use crate::layer::redis::wire::To;
use crate::layer::{LayerEvent, MailboxOptions};
use crate::{ChannelName, GroupName, Message, Result};
use redis::{Value, cmd};
use tokio::time::Instant;

/// What the names of the canaries' groups and channels begin with.
const NAME: &str = "canary";

/// How long a canary's membership lasts after its last message: nothing of a process that died stays for long.
const MEMBERSHIP: Duration = Duration::from_secs(60);

/// The canary of one place: a channel, and a group whose only member it is.
struct Canary {
    /// Where its group is.
    place: Place,
    channel: ChannelName,
    group: String,
    /// When the membership was last seen to, and how often the layer had been emptied here by then.
    seen: Mutex<Option<(Instant, u64)>>,
}

impl Core {
    /// Begins to send canaries, unless they are under way.
    pub(super) fn watch(self: &Arc<Self>) {
        if self.watched.set(()).is_ok() {
            self.tasks.spawn(Arc::clone(self).run_lingering());
            for place in self.topology.places() {
                self.tasks.spawn(Arc::clone(self).run_canary(place));
            }
        }
    }

    async fn run_canary(self: Arc<Self>, place: Place) {
        // Only a layer that was closed opens none.
        let Ok(mut mailbox) = self.open_mailbox(NAME, &MailboxOptions::default(), || ()) else { return };
        let channel = mailbox.channel().clone();
        let group = self.group_at(place);
        let canary = Canary {
            place: self.group_place(&group),
            channel: channel.clone(),
            group: self.keys.group(&group),
            seen: Mutex::default(),
        };
        let mail = self.mail_place(&canary);
        self.canaries.lock().unwrap_or_else(PoisonError::into_inner).push((group, channel));
        loop {
            self.pulses.until_deaf(place, &mut mailbox, |message| self.sing(&canary, message)).await;
            tracing::warn!(host = %self.topology.host(place), "the layer does not hear itself; connecting again");
            self.own.demand().reset(mail);
        }
    }

    /// Sees to the memberships of this process, and sends one message.
    async fn sing(&self, canary: &Canary, message: Message) -> Result<()> {
        let (begun, emptied) = (Instant::now(), self.flushes.load(Ordering::Acquire));
        let (key, channel) = (&canary.group, canary.channel.as_str());
        let (mut look, mut add, mut expire) = (cmd("ZSCORE"), cmd("ZADD"), cmd("PEXPIRE"));
        look.arg(key).arg(channel);
        add.arg(key).arg(now().as_secs_f64()).arg(channel);
        expire.arg(key).arg(i64::try_from(MEMBERSHIP.as_millis()).unwrap_or(i64::MAX));
        let answers = self.topology.batch(&[look, add, expire].map(|command| (canary.place, command))).await?;
        let host = self.topology.host(canary.place);
        let member: Option<f64> = topology::read(host, answers.into_iter().next().unwrap_or(Value::Nil))?;
        let seen = *canary.seen.lock().unwrap_or_else(PoisonError::into_inner);
        // After an outage longer than that the membership has ended by itself.
        let stood = seen.is_some_and(|(at, by_then)| by_then == emptied && at.elapsed() < MEMBERSHIP);
        if member.is_none() && stood {
            self.restore(canary.place).await?;
            let host = Arc::clone(host);
            tracing::warn!(%host, "Redis has lost its data; the group memberships of this process are restored");
            self.counters.data_lost.add(1);
            self.events.send(LayerEvent::DataLost { host });
        }
        *canary.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some((begun, emptied));
        let bytes = self.seal(&message, Some(To::Members(&[channel])))?;
        let key = self.keys.messages(canary.channel.non_local());
        self.put(self.mail_place(canary), &[Parcel { key, bytes, capacity: usize::MAX }]).await.map(drop)
    }

    /// Where a canary's messages go.
    fn mail_place(&self, canary: &Canary) -> Place {
        self.topology.beside(canary.place, &self.keys.messages(canary.channel.non_local()))
    }

    /// A group that nobody uses, on the host of a place.
    fn group_at(&self, place: Place) -> GroupName {
        loop {
            let group = GroupName::new(format!("{NAME}.{:016x}", fastrand::u64(..))).expect("it keeps to the rules");
            if self.group_place(&group).shares_host(place) {
                return group;
            }
        }
    }
}
