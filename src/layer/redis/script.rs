//! Scripts that run in Redis: sent by their digest, and as a whole only where a server does not know them yet.

use redis::{Cmd, cmd};

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

    /// The command that runs it where it is known.
    pub(super) fn by_digest(&self, keys: &[&str], arguments: &[&[u8]]) -> Cmd {
        run("EVALSHA", self.inner.get_hash(), keys, arguments)
    }

    /// The command that runs it and makes it known.
    pub(super) fn in_full(&self, keys: &[&str], arguments: &[&[u8]]) -> Cmd {
        run("EVAL", self.text, keys, arguments)
    }
}

fn run(how: &str, script: &str, keys: &[&str], arguments: &[&[u8]]) -> Cmd {
    let mut run = cmd(how);
    run.arg(script).arg(keys.len()).arg(keys).arg(arguments);
    run
}
