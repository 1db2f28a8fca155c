//! Fresh channel names. Two instances never share one, and nobody can guess or repeat one: every part is a keyed hash
//! under keys that the operating system's generator drew.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::{ChannelName, Error, ErrorKind, Result};

/// The longest prefix: what is left of a name's 99 characters beside `.`, `!` and twice 32 digits.
const MAX_PREFIX: usize = 33;

/// Makes the names of one layer instance.
#[derive(Debug)]
pub(super) struct Names {
    keys: [RandomState; 2],
    next: AtomicU64,
    /// The part of the names that are only names.
    instance: String,
    /// How the part of the names of mailboxes begins. A name with it that is not open is known to be over, so nothing is
    /// ever kept for it.
    mailboxes: String,
    /// How that part ends where no lane was asked for.
    lane: String,
}

/// How many digits of the part of a mailbox's name that stands before the `!` are its lane.
pub(in crate::layer) const LANE_DIGITS: usize = 16;

impl Names {
    pub(super) fn new() -> Self {
        let keys = [RandomState::new(), RandomState::new()];
        let (mut mailboxes, instance) = (hex(&keys, 1), hex(&keys, 0));
        let lane = mailboxes.split_off(LANE_DIGITS);
        Self { instance, mailboxes, lane, next: AtomicU64::new(2), keys }
    }

    /// A name for a channel that nobody owns.
    pub(super) fn channel(&self, prefix: &str) -> Result<ChannelName> {
        self.fresh(prefix, &self.instance)
    }

    /// A name for a mailbox, in a lane of so many hexadecimal digits.
    pub(super) fn mailbox(&self, prefix: &str, lane: Option<&str>) -> Result<ChannelName> {
        self.fresh(prefix, &[&self.mailboxes, lane.unwrap_or(&self.lane)].concat())
    }

    /// The part of the names of mailboxes that all lanes share.
    pub(super) fn mailboxes(&self) -> &str {
        &self.mailboxes
    }

    /// Whether this instance made the name, for a mailbox or not.
    pub(super) fn is_own(&self, channel: &ChannelName) -> bool {
        self.is_mailbox(channel.as_str())
            || channel.non_local().strip_suffix('!').is_some_and(|n| n.ends_with(&self.instance))
    }

    /// Whether this instance made the name for a mailbox. It need not be one that anybody has checked.
    pub(super) fn is_mailbox(&self, channel: &str) -> bool {
        let Some((name, _)) = channel.split_once('!') else { return false };
        let stem = name.len().checked_sub(2 * LANE_DIGITS).and_then(|at| name.get(at..at + LANE_DIGITS));
        stem == Some(&self.mailboxes)
    }

    fn fresh(&self, prefix: &str, instance: &str) -> Result<ChannelName> {
        check(prefix)?;
        let local = hex(&self.keys, self.next.fetch_add(1, Ordering::Relaxed));
        ChannelName::new(format!("{prefix}.{instance}!{local}"))
    }
}

fn check(prefix: &str) -> Result<()> {
    let allowed = ChannelName::new(prefix)?;
    let why = match (prefix.len(), allowed.is_local()) {
        (_, true) => "it holds a '!'".to_owned(),
        (len, _) if len > MAX_PREFIX => format!("it has {len} characters, {MAX_PREFIX} are allowed"),
        _ => return Ok(()),
    };
    Err(Error::new(ErrorKind::InvalidName, format!("invalid channel prefix {prefix:?}: {why}")))
}

/// 32 hexadecimal digits, different for every number.
fn hex(keys: &[RandomState; 2], number: u64) -> String {
    format!("{:016x}{:016x}", keys[0].hash_one(number), keys[1].hash_one(number))
}
