//! `/api/info`: what is connected, in this gateway process and in the others that share its layer.
//!
//! Each process tells a [`Report`] of itself; the answer is put together of those that came.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request, State};
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::Failure;
use super::caller::check_manager;
use super::reply::Reply;
use crate::gateway::shared::Shared;
use crate::layer::{ChannelLayer, Health};
use crate::protocol::ErrorCode;

/// How many groups are listed unless asked otherwise.
const GROUPS: usize = 100;

/// How many may be asked for.
const MOST_GROUPS: usize = 1000;

/// Which groups to list.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Wanted {
    /// What their names begin with.
    groups: String,
    /// The name after which the list begins.
    after: String,
    limit: usize,
}

/// What one gateway process tells of itself.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Report {
    node: Node,
    /// The wanted groups and how many members they have there; one more than the limit where there are more.
    groups: BTreeMap<String, usize>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
struct Node {
    /// What tells the process from the others.
    node: String,
    version: String,
    /// In seconds.
    uptime: f64,
    connections: usize,
    /// How many groups have members there.
    groups: usize,
    shards: usize,
    shutting_down: bool,
    layer: LayerInfo,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
struct LayerInfo {
    name: String,
    ready: bool,
    hosts: Vec<HostInfo>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
struct HostInfo {
    host: String,
    /// How long the last test message took to come back, in seconds.
    lag: Option<f64>,
    fault: Option<String>,
}

/// The answer.
#[derive(Debug, Serialize)]
struct Info {
    /// This process first.
    nodes: Vec<Node>,
    /// In all of them.
    connections: usize,
    groups: Vec<GroupInfo>,
    /// Whether there are more groups behind the last one.
    more: bool,
}

#[derive(Debug, Serialize)]
struct GroupInfo {
    group: String,
    members: usize,
}

impl Default for Wanted {
    fn default() -> Self {
        Self { groups: String::new(), after: String::new(), limit: GROUPS }
    }
}

pub(super) async fn info<L: ChannelLayer>(
    State(shared): State<Arc<Shared<L>>>,
    query: Result<Query<Wanted>, QueryRejection>,
    request: Request,
) -> Result<Reply, Failure> {
    check_manager(&shared, &request.into_parts().0)?;
    let wrong = |reason| Failure::new(ErrorCode::BAD_REQUEST, reason);
    let Query(wanted) = query.map_err(|rejected| wrong(rejected.body_text()))?;
    if !(1..=MOST_GROUPS).contains(&wanted.limit) {
        return Err(wrong(format!("limit is a number from 1 to {MOST_GROUPS}")));
    }
    let reports = vec![report(&shared, &wanted)];
    Ok(Reply::new(StatusCode::OK, &Info::of(reports, wanted.limit), false))
}

/// What this process tells of itself.
pub(crate) fn report<L: ChannelLayer>(shared: &Shared<L>, wanted: &Wanted) -> Report {
    let (groups, total) = shared.hub.census(&wanted.groups, &wanted.after, wanted.limit.min(MOST_GROUPS) + 1);
    let node = Node {
        node: shared.api.node.clone(),
        version: env!("CARGO_PKG_VERSION").into(),
        uptime: seconds(shared.api.started.elapsed()),
        connections: shared.connections.len(),
        groups: total,
        shards: shared.connections.inboxes().len(),
        shutting_down: shared.connections.shutting_down(),
        layer: LayerInfo::of(shared.layer.capabilities().name, &shared.layer.health()),
    };
    Report { node, groups }
}

impl Info {
    fn of(reports: Vec<Report>, limit: usize) -> Self {
        let (mut nodes, mut groups) = (Vec::new(), BTreeMap::new());
        for report in reports {
            nodes.push(report.node);
            for (group, members) in report.groups {
                *groups.entry(group).or_insert(0) += members;
            }
        }
        // Each process told one more than asked for, so the first ones of all are complete.
        let more = groups.len() > limit;
        let groups = groups.into_iter().take(limit).map(|(group, members)| GroupInfo { group, members });
        Self { connections: nodes.iter().map(|node| node.connections).sum(), groups: groups.collect(), more, nodes }
    }
}

impl LayerInfo {
    fn of(name: &str, health: &Health) -> Self {
        let host = |host: &crate::layer::HostHealth| HostInfo {
            host: host.host.to_string(),
            lag: host.lag.map(seconds),
            fault: host.fault.as_deref().map(str::to_owned),
        };
        Self { name: name.into(), ready: health.is_ready(), hosts: health.hosts.iter().map(host).collect() }
    }
}

/// To the microsecond.
fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e6
}
