//! How many files the process may have open, of which each connection is one.

/// Descriptors that are no client's: listeners, connections to Redis, what is read.
const OWN: u64 = 64;

/// Raises the soft limit as far as the system allows, and says so; what is missing for all connections, too.
pub(crate) fn raise(connections: usize) {
    let Ok(limit) = rlimit::increase_nofile_limit(u64::MAX) else {
        tracing::info!("the limit of open files is not known");
        return;
    };
    tracing::info!(limit, "as many files may be open");
    let wanted = u64::try_from(connections).unwrap_or(u64::MAX).saturating_add(OWN);
    if limit < wanted {
        tracing::warn!(
            "{limit} files may be open, too few for max_connections = {connections}: raise the hard limit to {wanted} \
             (LimitNOFILE in systemd, ulimit -Hn in a shell), or lower max_connections"
        );
    }
}
