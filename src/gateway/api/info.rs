//! `/api/info`: what is connected, in this gateway process and in the others on its layer.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request, State};
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::Failure;
use super::caller::check_manager;
use super::reply::Reply;
use crate::gateway::control::{GroupCount, Node};
use crate::gateway::shared::Shared;
use crate::layer::{ChannelLayer, Health, HostHealth};
use crate::protocol::ErrorCode;

/// How many groups are listed unless asked otherwise.
const GROUPS: usize = 100;

/// How many may be asked for: fewer than each gateway tells of, so that the first ones of all are complete.
const MOST_GROUPS: usize = 500;

/// Which groups to list.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Wanted {
    /// What their names begin with.
    groups: String,
    limit: usize,
}

#[derive(Debug, Serialize)]
struct Info {
    /// This process first.
    nodes: Vec<Node>,
    /// The other processes that did not say in time what groups they have.
    missing: usize,
    /// WebSockets in all processes.
    connections: usize,
    groups: Vec<GroupCount>,
    /// Whether there are more groups behind the last one.
    more: bool,
    layer: LayerInfo,
}

/// How the layer is, seen from this process.
#[derive(Debug, Serialize)]
struct LayerInfo {
    name: &'static str,
    ready: bool,
    hosts: Vec<HostInfo>,
}

#[derive(Debug, Serialize)]
struct HostInfo {
    host: String,
    /// How long the last test message took to come back, in seconds.
    lag: Option<f64>,
    fault: Option<String>,
}

impl Default for Wanted {
    fn default() -> Self {
        Self { groups: String::new(), limit: GROUPS }
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
    let mut survey = shared.survey(&wanted.groups).await;
    let more = survey.groups.len() > wanted.limit;
    survey.groups.truncate(wanted.limit);
    let mut nodes = shared.other_nodes();
    nodes.insert(0, shared.node());
    let info = Info {
        connections: nodes.iter().map(|node| node.connections).sum(),
        nodes,
        missing: survey.missing,
        groups: survey.groups,
        more,
        layer: LayerInfo::of(shared.layer.capabilities().name, shared.layer.health()),
    };
    Ok(Reply::new(StatusCode::OK, &info, false))
}

impl LayerInfo {
    fn of(name: &'static str, health: Health) -> Self {
        let ready = health.is_ready();
        let host = |HostHealth { host, lag, fault }| {
            // To the microsecond.
            let lag = lag.map(|lag| (lag.as_secs_f64() * 1e6).round() / 1e6);
            HostInfo { host: host.to_string(), lag, fault: fault.map(|fault| fault.to_string()) }
        };
        Self { name, ready, hosts: health.hosts.into_iter().map(host).collect() }
    }
}
