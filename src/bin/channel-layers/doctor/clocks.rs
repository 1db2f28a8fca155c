//! Whether the machines agree on what time it is. A message carries its sender's time, and its receiver throws it away
//! once it is older than `expiry` by its own.

use std::time::Duration;

use channel_layers::layer::redis::ServerFacts;

use super::report::Report;

/// How far clocks may be apart before anything is said. Well-kept ones differ by milliseconds.
const TOLERATED: f64 = 1.0;

const REMEDY: &str =
    "have both clocks set over the network (chrony, systemd-timesyncd), or mend what keeps that from working";

/// A server's clock, in seconds ahead of ours, and how many of them are in doubt.
#[derive(Debug)]
pub(super) struct Clock {
    server: String,
    ahead: f64,
    doubt: f64,
}

impl Clock {
    /// The clock of a server that told it.
    pub(super) fn of(server: &str, facts: &ServerFacts) -> Option<Self> {
        let doubt = facts.round_trip.as_secs_f64() / 2.0;
        Some(Self { server: server.to_owned(), ahead: facts.clock_ahead?, doubt })
    }
}

/// Judges clocks by the time after which messages expire, where they do in Redis.
pub(super) fn judge(report: &mut Report, clocks: &[Clock], expiry: Option<Duration>) {
    for Clock { server, ahead, doubt } in clocks {
        let about = format!("redis {server}");
        let off = ahead.abs() - doubt;
        let way = if *ahead > 0.0 { "ahead of" } else { "behind" };
        let expired = expiry.is_some_and(|expiry| off > expiry.as_secs_f64());
        match off > TOLERATED {
            false => {
                report.fine(&about, format!("its clock and ours agree within {:.1} ms", (ahead.abs() + doubt) * 1e3))
            }
            true if expired => {
                let finding = format!(
                    "its clock is {off:.0} s {way} ours, which is more than messages last (expiry): between processes of the \
                     two times they count as too old"
                );
                report.problem(&about, finding, REMEDY);
            }
            true => report.warning(
                &about,
                format!("its clock is {off:.0} s {way} ours: messages expire too soon, or too late"),
                REMEDY,
            ),
        }
    }
    let by_time = |one: &&Clock, other: &&Clock| one.ahead.total_cmp(&other.ahead);
    let Some((first, last)) = clocks.iter().min_by(by_time).zip(clocks.iter().max_by(by_time)) else { return };
    let apart = last.ahead - first.ahead - last.doubt - first.doubt;
    if apart > TOLERATED {
        let finding = format!("the clocks of {} and {} are {apart:.0} s apart", last.server, first.server);
        report.warning("redis", finding, REMEDY);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::report::Level;

    /// The levels that clocks of one server each get, and the last one for all together.
    fn judged(clocks: &[(f64, f64)], expiry: u64) -> Vec<Level> {
        let clock =
            |(at, (ahead, doubt)): (usize, &(f64, f64))| Clock { server: at.to_string(), ahead: *ahead, doubt: *doubt };
        let clocks: Vec<_> = clocks.iter().enumerate().map(clock).collect();
        let mut report = Report::new(true);
        judge(&mut report, &clocks, (expiry > 0).then(|| Duration::from_secs(expiry)));
        report.findings.iter().map(|finding| finding.level).collect()
    }

    #[test]
    fn clocks_are_judged_by_what_they_do_to_messages() {
        use Level::{Fine, Problem, Warning};
        assert_eq!(judged(&[(0.9, 0.0), (-0.05, 0.1)], 60), [Fine, Fine]);
        assert_eq!(judged(&[(1.1, 0.0)], 60), [Warning]);
        assert_eq!(judged(&[(1.1, 0.2)], 60), [Fine], "what is in doubt is not held against it");
        assert_eq!(judged(&[(-61.0, 0.1)], 60), [Problem]);
        assert_eq!(judged(&[(61.0, 0.1)], 60), [Problem]);
        assert_eq!(judged(&[(61.0, 0.1)], 0), [Warning], "nothing expires in Redis");
        assert_eq!(judged(&[(0.8, 0.0), (0.0, 0.0), (-0.8, 0.0)], 60), [Fine, Fine, Fine, Warning]);
        assert_eq!(judged(&[], 60), []);
    }
}
