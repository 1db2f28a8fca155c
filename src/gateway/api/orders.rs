//! `/api/disconnect` and `/api/leave`: what a backend wants of open sockets, in all gateways.

use std::sync::Arc;

use axum::extract::{Request, State};
use http::StatusCode;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::caller::check_manager;
use super::reply::Reply;
use super::{Failure, body};
use crate::gateway::control::{Order, Selector};
use crate::gateway::shared::Shared;
use crate::layer::ChannelLayer;
use crate::protocol::{ChannelName, ErrorCode, GroupName};

/// The largest body: a few names.
const LIMIT: usize = 8 * 1024;

/// What is asked for: whom it concerns, and how.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Disconnect {
    user: Option<String>,
    token: Option<String>,
    connection: Option<ChannelName>,
    except: Option<ChannelName>,
    #[serde(default)]
    reconnect: bool,
    reason: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Leave {
    group: GroupName,
    user: Option<String>,
    token: Option<String>,
    connection: Option<ChannelName>,
    except: Option<ChannelName>,
}

/// It was carried out here, and the other gateways were told.
#[derive(Debug, Serialize)]
struct Ordered {
    /// How many connections of this gateway it concerned.
    local: usize,
}

impl From<Disconnect> for Order {
    fn from(asked: Disconnect) -> Self {
        let Disconnect { user, token, connection, except, reconnect, reason } = asked;
        Order::Disconnect { who: Selector { user, token, connection, except }, reconnect, reason }
    }
}

impl From<Leave> for Order {
    fn from(asked: Leave) -> Self {
        let Leave { group, user, token, connection, except } = asked;
        Order::Leave { who: Selector { user, token, connection, except }, group }
    }
}

pub(super) async fn disconnect<L: ChannelLayer>(
    State(shared): State<Arc<Shared<L>>>,
    request: Request,
) -> Result<Reply, Failure> {
    order::<_, Disconnect>(&shared, request).await
}

pub(super) async fn leave<L: ChannelLayer>(
    State(shared): State<Arc<Shared<L>>>,
    request: Request,
) -> Result<Reply, Failure> {
    order::<_, Leave>(&shared, request).await
}

async fn order<L: ChannelLayer, T: DeserializeOwned + Into<Order>>(
    shared: &Arc<Shared<L>>,
    request: Request,
) -> Result<Reply, Failure> {
    let (parts, body) = request.into_parts();
    check_manager(shared, &parts)?;
    let encoding = body::encoding(&parts.headers)?;
    let wrong = |error: crate::Error| Failure::new(ErrorCode::BAD_REQUEST, error.to_string());
    let order = body::read(body, encoding, LIMIT).await?.decode::<T>().map_err(wrong)?.into();
    order.check().map_err(wrong)?;
    let local = shared.order(order).await.map_err(|error| shared.explain(&error))?;
    Ok(Reply::new(StatusCode::ACCEPTED, &Ordered { local }, true))
}
