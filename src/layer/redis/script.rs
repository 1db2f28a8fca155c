//! Scripts that run in Redis: sent by their digest, and as a whole only to a server that does not know them yet.

use redis::aio::ConnectionLike;
use redis::{ErrorKind, FromRedisValue, RedisError, ServerErrorKind, cmd};

/// A script in Lua.
#[derive(Debug)]
pub(super) struct Script {
    text: &'static str,
    inner: redis::Script,
}

impl Script {
    pub(super) fn new(text: &'static str) -> Self {
        Self { text, inner: redis::Script::new(text) }
    }

    /// Runs it. A server that does not know it has not run it, so it is then loaded and run again.
    pub(super) async fn run<T: FromRedisValue>(
        &self,
        connection: &mut impl ConnectionLike,
        keys: &[&str],
        arguments: &[&[u8]],
    ) -> Result<T, RedisError> {
        let mut run = cmd("EVALSHA");
        run.arg(self.inner.get_hash()).arg(keys.len()).arg(keys).arg(arguments);
        match run.query_async(connection).await {
            Err(e) if e.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                cmd("SCRIPT").arg("LOAD").arg(self.text).query_async::<()>(connection).await?;
                run.query_async(connection).await
            }
            ran => ran,
        }
    }
}
