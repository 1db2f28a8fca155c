//! Messages as the values of Redis: serialized, then encrypted if keys are set, then behind a prefix that keeps equal
//! messages apart; and back.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Buf, Bytes};

use super::envelope::{self, Recipients, To};
use super::fernet::Crypter;
use super::serializer::Format;
use crate::layer::redis::RedisConfig;
use crate::{Error, ErrorKind, Message, Result};

/// The longest prefix. More random bytes than these keep no more messages apart.
const MAX_PREFIX: usize = 255;

/// How many bytes of a prefix count, at most: microseconds for nine years.
const COUNTED: usize = 6;

/// How much longer than it may wait an encrypted message is good for.
const GRACE: Duration = Duration::from_secs(10);

/// Which of Django's two layouts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::layer::redis) enum Layout {
    /// Messages wait under keys: each has a prefix, and is good for as long as it may wait.
    Core,
    /// Messages pass: no prefix, no recipients, and no time limit.
    PubSub,
}

/// Writes and reads the messages of one layer.
#[derive(Debug)]
pub(in crate::layer::redis) struct Codec {
    layout: Layout,
    format: Format,
    crypter: Option<Crypter>,
    prefix: usize,
    /// The number in the last prefix.
    last: AtomicU64,
}

impl Codec {
    /// # Errors
    ///
    /// [`ErrorKind::Config`], naming the setting: an unknown format, an empty key, a prefix that is too long.
    pub(in crate::layer::redis) fn new(config: &RedisConfig, layout: Layout) -> Result<Self> {
        let format = Format::named(&config.serializer_format)?;
        let (prefix, ttl) = match layout {
            Layout::Core => (config.random_prefix_length, Some(config.expiry.saturating_add(GRACE))),
            Layout::PubSub => (0, None),
        };
        if prefix > MAX_PREFIX {
            let text = format!("random_prefix_length is {prefix} bytes, {MAX_PREFIX} are allowed; 12 is Django's");
            return Err(Error::new(ErrorKind::Config, text));
        }
        let crypter = Crypter::new(&config.symmetric_encryption_keys, ttl)?;
        Ok(Self { layout, format, crypter, prefix, last: AtomicU64::new(0) })
    }

    /// Writes a message at a time since 1970. In the core layout `to` says whom it is for; without it the message goes
    /// to whoever reads the key.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidMessage`] where the message holds the layer's own key, or what the format cannot carry.
    pub(in crate::layer::redis) fn encode(
        &self,
        message: &Message,
        to: Option<To<'_>>,
        now: Duration,
    ) -> Result<Vec<u8>> {
        let mut space = [0; MAX_PREFIX];
        let prefix = &mut space[..self.prefix];
        self.fill_prefix(prefix, now);
        let Some(crypter) = &self.crypter else { return self.body(message, to, prefix) };
        let token = crypter.encrypt(&self.body(message, to, &[])?, now);
        Ok([prefix, token.as_bytes()].concat())
    }

    /// Reads a message at a time since 1970, and for whom it is.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidMessage`], saying what does not fit and which settings to compare, but nothing of the
    /// content.
    pub(in crate::layer::redis) fn decode(&self, mut bytes: Bytes, now: Duration) -> Result<(Message, Recipients)> {
        if bytes.len() < self.prefix {
            let (length, prefix) = (bytes.len(), self.prefix);
            let text = format!(
                "a message of {length} bytes is shorter than its prefix of {prefix}: the random_prefix_length of its \
                 sender differs"
            );
            return Err(Error::new(ErrorKind::InvalidMessage, text));
        }
        bytes.advance(self.prefix);
        if let Some(crypter) = &self.crypter {
            bytes = crypter.decrypt(&bytes, now)?.into();
        }
        match (self.layout, &self.format) {
            (Layout::Core, format) => envelope::read(format, bytes),
            (Layout::PubSub, Format::Msgpack) => Ok((Message::from_msgpack(bytes)?, Recipients::default())),
            (Layout::PubSub, Format::Other(serializer)) => Ok((serializer.deserialize(bytes)?, Recipients::default())),
        }
    }

    /// The serialized message, behind `front`.
    fn body(&self, message: &Message, to: Option<To<'_>>, front: &[u8]) -> Result<Vec<u8>> {
        if let Some(to) = to {
            return envelope::write(&self.format, message, to, front);
        }
        if self.layout == Layout::Core {
            envelope::check(message)?;
        }
        Ok(match &self.format {
            Format::Msgpack => [front, message.msgpack()].concat(),
            Format::Other(serializer) => [front, &serializer.serialize(message)?].concat(),
        })
    }

    /// Fills a prefix. Its first half counts on, in microseconds, from the prefix before: messages of equal scores come
    /// in the order of their bytes. The rest is random.
    fn fill_prefix(&self, prefix: &mut [u8], now: Duration) {
        let time = u64::try_from(now.as_micros()).unwrap_or(u64::MAX);
        let next = |last: u64| time.max(last.saturating_add(1));
        let last = self.last.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(next(last)));
        let number = next(last.expect("there always is a next number")).to_be_bytes();
        let (counted, random) = prefix.split_at_mut(COUNTED.min(prefix.len().div_ceil(2)));
        counted.copy_from_slice(&number[number.len() - counted.len()..]);
        random.fill_with(|| fastrand::u8(..));
    }
}
