//! The limits that the system sets to this process.

use channel_layers::gateway::GatewayConfig;

use super::report::Report;

/// What a gateway opens besides its sockets: a listener, logs, and connections to each Redis.
const OTHERS: u64 = 64;

/// The limits of open files: the one that counts, and up to which it can be raised; nothing where the system has none.
pub(super) fn descriptors() -> Option<(u64, u64)> {
    rlimit::Resource::NOFILE.get().ok()
}

/// Judges them by what a gateway may hold.
pub(super) fn judge(report: &mut Report, limits: Option<(u64, u64)>) {
    let Some((_, most)) = limits else { return };
    let wanted = GatewayConfig::default().max_connections as u64 + OTHERS;
    let about = "open files";
    if most >= wanted {
        return report
            .fine(about, format!("{most} are allowed, which is enough for every connection that a gateway takes"));
    }
    let finding =
        format!("{most} are allowed, and a gateway uses up to {wanted}: beyond that clients wait to be accepted");
    let remedy = "raise the limit (ulimit -Hn, LimitNOFILE= of a systemd unit, --ulimit nofile= of a container), or have \
                  the gateway take fewer connections";
    report.warning(about, finding, remedy);
}
