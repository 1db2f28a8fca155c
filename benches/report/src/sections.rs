//! The parts of the report, in its order.

use crate::results::{At, Results};
use crate::text::{number, table};

/// Whom the tables compare, with the names that people know.
pub(crate) const SERVERS: [(&str, &str); 7] = [
    ("gateway", "channel-layers"),
    ("gateway-msgpack", "channel-layers, MessagePack"),
    ("gateway-two", "channel-layers, two processors"),
    ("uws", "uWebSockets.js"),
    ("centrifuge", "centrifuge (Centrifugo)"),
    ("socket.io", "Socket.IO"),
    ("channels", "Django Channels, uvicorn"),
];

/// The name of a server for people.
pub(crate) fn name(server: &str) -> &str {
    SERVERS.iter().find(|(short, _)| *short == server).map_or(server, |(_, name)| name)
}

/// A table of figures for each server that was measured there; those of `beside` come with our ratio.
struct Section {
    title: &'static str,
    about: &'static str,
    /// The file of its chart, if it has one.
    chart: &'static str,
    at: At<'static>,
    more_is_better: bool,
    unit: &'static str,
    columns: &'static [(&'static str, &'static str)],
}

const BUSY: [(&str, &str); 3] =
    [("deliveries/s", "deliveries_per_s"), ("server busy", "server_busy"), ("load client busy", "client_busy")];

const SECTIONS: [Section; 8] = [
    Section {
        title: "Fan-out, one broadcast at a time",
        about: "A message goes to 1,000 clients, and the next once all have it: each delivery is a write of its own, so \
                this is mostly the kernel's cost of writing to a socket.",
        chart: "fanout-1.svg",
        at: At { row: "window 1", clients: 1000, figure: "cpu_us" },
        more_is_better: false,
        unit: "CPU µs per delivery",
        columns: &BUSY,
    },
    Section {
        title: "Fan-out, 16 broadcasts under way",
        about: "A busy group: messages that wait for the same client can be written together, and here is seen who does.",
        chart: "fanout-16.svg",
        at: At { row: "window 16", clients: 1000, figure: "cpu_us" },
        more_is_better: false,
        unit: "CPU µs per delivery",
        columns: &BUSY,
    },
    Section {
        title: "Latency",
        about: "20 broadcasts a second to 1,000 clients. From the moment at which a message was due to be sent until a client \
                has read it, over all clients; the load client reads them one after the other.",
        chart: "latency.svg",
        at: At { row: "latency", clients: 1000, figure: "p99_ms" },
        more_is_better: false,
        unit: "99 % within, ms",
        columns: &[("50 % within, ms", "p50_ms"), ("server busy", "server_busy"), ("load client busy", "client_busy")],
    },
    Section {
        title: "Beside Django Channels",
        about: "500 clients, one broadcast at a time. Django's side is an ordinary consumer with the in-memory layer.",
        chart: "",
        at: At { row: "window 1", clients: 500, figure: "deliveries_per_s" },
        more_is_better: true,
        unit: "deliveries/s",
        columns: &[
            ("CPU µs per delivery", "cpu_us"),
            ("server busy", "server_busy"),
            ("load client busy", "client_busy"),
        ],
    },
    Section {
        title: "Memory of idle clients",
        about: "10,000 clients in one group, without traffic: what the server's process has grown by, for each. The \
                kernel's own memory for a socket comes on top for all alike.",
        chart: "memory.svg",
        at: At { row: "memory", clients: 10_000, figure: "bytes_per_client" },
        more_is_better: false,
        unit: "bytes per client",
        columns: &[("before the first, bytes", "before_bytes")],
    },
    Section {
        title: "10,000 clients at once",
        about: "All connect at the same moment and join a group: until the last is a member.",
        chart: "",
        at: At { row: "burst", clients: 10_000, figure: "last_s" },
        more_is_better: false,
        unit: "all there after, s",
        columns: &[("half of them, s", "p50_s"), ("refused", "refused"), ("CPU µs per client", "cpu_us")],
    },
    Section {
        title: "Fan-out to 10,000 clients, one broadcast at a time",
        about: "The same as to 1,000, where the sockets no longer fit into the processor's caches.",
        chart: "",
        at: At { row: "window 1", clients: 10_000, figure: "cpu_us" },
        more_is_better: false,
        unit: "CPU µs per delivery",
        columns: &BUSY,
    },
    Section {
        title: "Fan-out to 10,000 clients, 16 broadcasts under way",
        about: "Likewise.",
        chart: "",
        at: At { row: "window 16", clients: 10_000, figure: "cpu_us" },
        more_is_better: false,
        unit: "CPU µs per delivery",
        columns: &BUSY,
    },
];

/// The tables of servers, each with its chart.
pub(crate) fn fan_out(results: &Results, chart: impl Fn(&str) -> String) -> String {
    let measured = SECTIONS.iter().filter(|section| section.is_measured(results));
    let text = |section: &Section| {
        let rounds = match results.count(section.at, "gateway") {
            1 => "One round".to_owned(),
            count => format!("{count} rounds"),
        };
        let (about, chart) = (section.about, chart(section.chart));
        format!("## {}\n\n{about} {rounds}.\n\n{chart}{}\n", section.title, section.table(results))
    };
    measured.map(text).collect()
}

/// Where a peer does better, said plainly.
pub(crate) fn behind(results: &Results) -> String {
    let mut text = String::new();
    for section in &SECTIONS {
        for (server, name) in SERVERS.iter().filter(|(server, _)| !server.starts_with("gateway")) {
            let Some(ratio) = results.ratio((section.at, "gateway"), (section.at, server)) else { continue };
            let behind = if section.more_is_better { ratio.median < 1.0 } else { ratio.median > 1.0 };
            if behind {
                text += &format!("- {}: {name}, {} ({})\n", section.title, ratio.text("×"), section.unit);
            }
        }
    }
    match text.is_empty() {
        true => "No peer is ahead of channel-layers in any table below.\n\n".to_owned(),
        false => format!("Where a peer is ahead of channel-layers (ours ÷ theirs):\n\n{text}\n"),
    }
}

/// Who was measured in which version, and who was not.
pub(crate) fn versions(results: &Results) -> String {
    let mut text = "## Versions\n\n".to_owned();
    // The gateway's other ways of running are of the same build.
    for (server, version) in results.servers().filter(|(server, _)| !server.starts_with("gateway-")) {
        text += &format!("- {}: {version}\n", name(server));
    }
    for (server, why) in results.left_out() {
        text += &format!("- **{} was not measured**: {why}\n", name(server));
    }
    for failure in results.failures() {
        text += &format!("- **failed**: {failure}\n");
    }
    text
}

impl Section {
    fn is_measured(&self, results: &Results) -> bool {
        SERVERS.iter().any(|(server, _)| results.figure(self.at, server).is_some())
    }

    fn table(&self, results: &Results) -> String {
        let mut head = vec!["", self.unit, "channel-layers ÷ this"];
        head.extend(self.columns.iter().map(|(title, _)| *title));
        let measured = SERVERS.iter().filter(|(server, _)| results.figure(self.at, server).is_some());
        let rows = measured.map(|(server, name)| {
            let figure = results.figure(self.at, server).map_or(String::new(), |spread| spread.text(""));
            let ratio = match *server {
                "gateway" => None,
                server => results.ratio((self.at, "gateway"), (self.at, server)),
            };
            let mut row = vec![(*name).to_owned(), figure, ratio.map_or("".to_owned(), |spread| spread.text("×"))];
            row.extend(self.columns.iter().map(|(_, figure)| {
                let spread = results.figure(At { figure, ..self.at }, server);
                spread.map_or("?".to_owned(), |spread| match figure.ends_with("busy") {
                    true => format!("{} %", number((spread.median * 100.0).round())),
                    false => number(spread.median),
                })
            }));
            row
        });
        table(&head, rows)
    }
}
