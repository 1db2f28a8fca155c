//! What a Redis says of itself, judged by what a channel layer needs of it.

use channel_layers::layer::redis::{RefusedCommand, ServerFacts};

use super::report::Report;

/// With a smaller buffer a subscriber is cut off by a burst that it would have taken a moment later.
const PUBSUB_BUFFER: u64 = 8 << 20;

/// The layer asks each server for a sign of life every two seconds; with less patience than this the server hangs up first.
const SHORTEST_TIMEOUT: u64 = 10;

/// How many connections must be left: a gateway takes up to four, and so may its neighbour that is just being started.
const SPARE_CLIENTS: u64 = 16;

/// What part of its memory a server may have used.
const FULL: f64 = 0.9;

/// What to do where a server cannot be used at all, by the reason.
pub(super) fn remedy(reason: &str) -> &'static str {
    let has = |text: &str| reason.contains(text);
    if has("WRONGPASS") || has("NOAUTH") || has("invalid username-password") {
        "write the right password into the URL, as in redis://:PASSWORD@HOST, or redis://USER:PASSWORD@HOST"
    } else if has("refused") || has("No such file") {
        "start Redis there, or name another place with --redis-url or REDIS_URL"
    } else if has("no answer within") || has("timed out") {
        "see whether a firewall is between, and whether the address is right"
    } else if has("certificate") {
        "name the authority that signed it: rediss://HOST?ssl_ca_certs=FILE"
    } else if has("failed to lookup") || has("Name or service not known") {
        "see whether the host's name is written right, and known on this machine"
    } else {
        "mend that, or name another Redis with --redis-url or REDIS_URL"
    }
}

/// Judges what a server says of itself.
pub(super) fn judge(report: &mut Report, about: &str, facts: &ServerFacts, pubsub: bool) {
    let version = facts.info("redis_version").unwrap_or("of a version that this user may not see");
    report.fine(about, format!("Redis {version}, answers in {:.1} ms", facts.round_trip.as_secs_f64() * 1e3));
    commands(report, about, &facts.refused);
    memory(report, about, facts);
    limits(report, about, facts, pubsub);
    disk(report, about, facts);
}

fn commands(report: &mut Report, about: &str, refused: &[RefusedCommand]) {
    if refused.is_empty() {
        report.fine(about, "does every command that the layer uses");
    }
    for RefusedCommand { command, forbidden, needed, without, .. } in refused {
        if *forbidden {
            let rule = command.to_lowercase().replace(' ', "|");
            let remedy =
                format!("allow it: ACL SETUSER the user with +{rule}, and with the keys and channels of the prefix");
            report.wrong(
                *needed,
                about,
                format!("this user may not do {command}, or not with the layer's keys: {without}"),
                remedy,
            );
        } else {
            let remedy = "take back the rename-command in redis.conf, or take a server that has it";
            report.wrong(*needed, about, format!("knows no {command}: {without}"), remedy);
        }
    }
}

fn memory(report: &mut Report, about: &str, facts: &ServerFacts) {
    let number = |field| facts.info(field).and_then(|text| text.parse::<u64>().ok());
    let most = number("maxmemory").unwrap_or_default();
    let policy = facts.setting("maxmemory-policy").or_else(|| facts.info("maxmemory_policy")).unwrap_or("noeviction");
    if policy != "noeviction" {
        let finding = format!(
            "maxmemory-policy is {policy}: a server that is full throws away memberships and messages, and nobody is told"
        );
        let remedy = "set it to noeviction, so that sending fails and says why: CONFIG SET maxmemory-policy noeviction";
        return report.warning(about, finding, remedy);
    }
    let used = number("used_memory").unwrap_or_default();
    if most > 0 && used as f64 > most as f64 * FULL {
        let finding = format!("uses {used} of {most} bytes of memory (maxmemory): once it is full nothing can be sent");
        return report.warning(about, finding, "raise maxmemory, or find out who fills it: redis-cli --bigkeys");
    }
    report.fine(about, "has memory left, and evicts nothing");
}

fn limits(report: &mut Report, about: &str, facts: &ServerFacts, pubsub: bool) {
    let setting = |name| facts.setting(name).and_then(|text| text.parse::<u64>().ok());
    let buffer = facts.setting("client-output-buffer-limit").and_then(pubsub_buffer);
    if let Some(buffer) = buffer.filter(|bytes| pubsub && (1..PUBSUB_BUFFER).contains(bytes)) {
        let finding = format!(
            "cuts a subscriber off that is {buffer} bytes behind (client-output-buffer-limit pubsub): a burst is lost"
        );
        let remedy = "CONFIG SET client-output-buffer-limit \"pubsub 32mb 8mb 60\", which is Redis' default";
        report.warning(about, finding, remedy);
    }
    if let Some(seconds) = setting("timeout").filter(|seconds| (1..SHORTEST_TIMEOUT).contains(seconds)) {
        let finding =
            format!("hangs up on connections that are idle for {seconds} s (timeout), the layer's among them");
        report.warning(about, finding, "CONFIG SET timeout 0, or at least 10");
    }
    let clients = facts.info("connected_clients").and_then(|text| text.parse::<u64>().ok());
    if let Some((most, clients)) = setting("maxclients").zip(clients).filter(|(most, now)| now + SPARE_CLIENTS > *most)
    {
        let finding =
            format!("has {clients} of at most {most} connections (maxclients): a further process is not let in");
        report.warning(about, finding, "raise maxclients, or find out who holds them: CLIENT LIST");
    }
}

/// The hard limit of subscribers, out of the classes and their three numbers each.
fn pubsub_buffer(text: &str) -> Option<u64> {
    let mut words = text.split_whitespace().skip_while(|word| *word != "pubsub");
    words.nth(1)?.parse().ok()
}

fn disk(report: &mut Report, about: &str, facts: &ServerFacts) {
    let stops = facts.setting("stop-writes-on-bgsave-error") != Some("no");
    if facts.info("rdb_last_bgsave_status") == Some("err") && stops {
        let finding = "could not save its data, and takes no writes until it can (stop-writes-on-bgsave-error)";
        let remedy = "see its log and the space on its disk; a channel layer needs nothing saved: CONFIG SET save \"\"";
        report.problem(about, finding, remedy);
    }
    if facts.setting("appendonly") == Some("yes") && facts.setting("appendfsync") == Some("always") {
        let finding = "waits for its disk at each write (appendfsync always): sending is as slow as the disk";
        report.warning(about, finding, "CONFIG SET appendfsync everysec; a channel layer needs nothing saved at all");
    }
}
