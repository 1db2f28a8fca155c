//! The limits that the system sets to this process.

use super::report::Report;

/// What a gateway opens besides its sockets: a listener, logs, and connections to each Redis.
const OTHERS: u64 = 64;

/// How many open files the system allows: up to there `serve` raises its limit. Nothing where the system has none.
pub(super) fn descriptors() -> Option<u64> {
    rlimit::Resource::NOFILE.get_hard().ok()
}

/// Judges that by how many sockets a gateway may hold.
pub(super) fn judge(report: &mut Report, most: Option<u64>, sockets: usize) {
    let Some(most) = most else { return };
    let wanted = sockets as u64 + OTHERS;
    let about = "open files";
    if most >= wanted {
        return report
            .fine(about, format!("{most} are allowed, which is enough for every connection that a gateway takes"));
    }
    let finding =
        format!("{most} are allowed, and a gateway uses up to {wanted}: beyond that clients wait to be accepted");
    let remedy = "raise the limit (ulimit -Hn, LimitNOFILE= of a systemd unit, --ulimit nofile= of a container), or have \
                  the gateway take fewer connections (max_connections)";
    report.warning(about, finding, remedy);
}
