//! WebSockets and HTTP in front of a channel layer.
//!
//! A [`Gateway`] holds the sockets of browsers and programs. What they send goes to the layer, and what the layer has
//! for a group goes to all of its members here. `PROTOCOL.md` documents what travels.
//!
//! ```no_run
//! use channel_layers::gateway::{Gateway, GatewayConfig};
//! use channel_layers::layer::Layer;
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let gateway = Gateway::new(Layer::default(), GatewayConfig::default());
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:8000").await?;
//! gateway.serve(listener, std::future::pending()).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Layout
//!
//! One frame's way in: `upgrade` → `shard` (the task that owns the socket) → `connection` → `socket` and [`websocket`]
//! (RFC 6455) → [`session`] (the rules, without I/O) → `operation` (permission, then the layer). A group message's way
//! out: the layer → `hub` (one channel per group; its `roster` says which shards have members) → `shard` → `connection` →
//! `socket`, as a `delivery` that is framed once.

pub mod auth;
pub mod session;
pub mod websocket;

mod api;
mod config;
mod connection;
mod connections;
mod control;
mod delivery;
mod direct;
mod forwarded;
mod hub;
mod listener;
mod live;
mod operation;
mod origin;
mod patience;
mod roster;
mod seldom;
mod serve;
mod shard;
mod shared;
mod socket;
mod stats;
mod tally;
mod times;
#[cfg(feature = "tls")]
mod tls;
#[cfg(not(feature = "tls"))]
#[path = "no_tls.rs"]
mod tls;
mod upgrade;

use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;

use axum::Router;
use futures_util::future::{Either, select};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::layer::{ChannelLayer, Health, Layer};
use crate::{Error, ErrorKind, Result};
use connections::Connections;
use control::Control;
use hub::Hub;
use seldom::Seldom;
use shard::Inbox;
use shared::Shared;

pub use api::ApiKeys;
pub use auth::{AllowAll, Authorizer, Credentials, Decision, Denied, Grant, Grants, Identity, Right};
pub use config::GatewayConfig;
pub use control::{GroupCount, Node, Order, Selector, Survey};
pub use forwarded::Network;
pub use listener::Listener;
pub use stats::{EncodingStats, GatewayStats};
pub use times::DeliveryTimes;
pub use tls::Tls;

/// The gateway: sockets in front of a channel layer. Cloning gives another handle to the same one.
///
/// Run it by itself with [`serve`](Self::serve), or mount its [`router`](Self::router) in an axum application and call
/// [`shutdown`](Self::shutdown) at the end.
pub struct Gateway<L = Layer>(Arc<Shared<L>>);

impl<L: ChannelLayer> Gateway<L> {
    /// A gateway in front of `layer` that lets everybody do everything ([`AllowAll`]).
    pub fn new(layer: L, config: GatewayConfig) -> Self {
        Self::with_authorizer(layer, config, AllowAll)
    }

    /// A gateway that asks `authorizer` who clients are and what they may do.
    pub fn with_authorizer(layer: L, config: GatewayConfig, authorizer: impl Authorizer) -> Self {
        let (layer, counters, config) = (Arc::new(layer), Arc::default(), Arc::new(config));
        let inbox = |_| Arc::new(Inbox::new(config.shard_bytes));
        let inboxes: Arc<[_]> = (0..config.shards.max(1)).map(inbox).collect();
        Self(Arc::new(Shared {
            hub: Hub::new(Arc::clone(&layer), Arc::clone(&config), Arc::clone(&counters), Arc::clone(&inboxes)),
            layer,
            authorizer: Arc::new(authorizer),
            connections: Arc::new(Connections::new(inboxes, &config)),
            counters,
            config,
            api: api::Memory::default(),
            control: Control::new(),
            refusals: Seldom::default(),
        }))
    }

    /// The gateway's routes, to mount in an axum application: `/ws`, the HTTP API under `/api/`, `/healthz` and `/readyz`
    /// for orchestrators, and the live view under `/admin`.
    ///
    /// The sockets' tasks belong to the gateway and not to the HTTP server, so [`shutdown`](Self::shutdown) has to be
    /// called when the server has stopped. Whether strangers can reach it is the application's business:
    /// [`allow_anonymous`](GatewayConfig::allow_anonymous) is looked at by [`serve`](Self::serve) only.
    pub fn router(&self) -> Router {
        let live = live::router().with_state(Arc::clone(&self.0));
        api::router(Arc::clone(&self.0)).merge(live)
    }

    /// Serves until `shutdown` is ready, then closes every socket as [`shutdown`](Self::shutdown) does.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] where other machines can reach the listener, the authorizer knows nobody, and
    /// [`allow_anonymous`](GatewayConfig::allow_anonymous) is not set. [`ErrorKind::Io`] where the listener has no
    /// address.
    ///
    /// # Cancel safety
    ///
    /// A dropped future accepts no more, and cuts HTTP requests; open sockets stay until
    /// [`shutdown`](Self::shutdown).
    pub async fn serve(&self, listener: impl Into<Listener>, shutdown: impl Future<Output = ()>) -> Result<()> {
        self.serve_router(listener, self.router(), shutdown).await
    }

    /// As [`serve`](Self::serve), with more routes than the gateway's own: start from [`router`](Self::router).
    ///
    /// # Errors
    ///
    /// As [`serve`](Self::serve).
    ///
    /// # Cancel safety
    ///
    /// As [`serve`](Self::serve).
    pub async fn serve_router(
        &self,
        listener: impl Into<Listener>,
        router: Router,
        shutdown: impl Future<Output = ()>,
    ) -> Result<()> {
        let listener = listener.into();
        self.check_listener(&listener.tcp)?;
        Control::start(&self.0);
        let (stop, stopped) = watch::channel(false);
        let (limit, counters) = (self.0.config.max_connections, Arc::clone(&self.0.counters));
        let serving = serve::serve(listener, serve::Server { router, limit, counters }, stopped);
        let ending = async {
            shutdown.await;
            stop.send_replace(true);
            self.shutdown().await;
        };
        match select(pin!(serving), pin!(ending)).await {
            // Requests have ended first, or there were none; the sockets have not yet.
            Either::Left(((), ending)) => ending.await,
            // Requests that are under way have had the sockets' time already; a client that dawdles gets no more.
            Either::Right(((), serving)) => drop(timeout(self.0.config.close_timeout, serving).await),
        }
        Ok(())
    }

    /// Ends every connection, so that nothing is lost that a client was told is accepted: takes no more connections,
    /// closes those there are a few at a time, over [`reconnect_spread`](GatewayConfig::reconnect_spread) or half of
    /// [`shutdown_timeout`](GatewayConfig::shutdown_timeout), while the others go on; then takes no more requests, hands
    /// what has arrived for the groups here to their members, and closes the rest, which is all where there are few.
    /// Each is closed with 4000 and asked to stay away for its share of `reconnect_spread`. Returns when all have
    /// ended, or after `shutdown_timeout`, when what is left is cut. The layer stays open.
    ///
    /// # Cancel safety
    ///
    /// A dropped future has stopped the gateway from taking requests, may have asked connections to close, and cuts
    /// none. Calling it again goes on.
    pub async fn shutdown(&self) {
        let connections = &self.0.connections;
        let spread = self.0.config.reconnect_spread;
        let orderly = async {
            connections.drain(spread.min(self.0.config.shutdown_timeout / 2), spread).await;
            connections.hush().await;
            connections.shut_down(spread);
            connections.wait().await;
        };
        if timeout(self.0.config.shutdown_timeout, orderly).await.is_err() {
            let cut = connections.abort();
            tracing::warn!(cut, "connections did not close in time and were cut");
            connections.wait().await;
        }
        self.0.say_goodbye().await;
        self.0.hub.stop();
    }

    /// Carries an order out on every gateway of the layer: disconnects clients, or puts them out of a group. Returns how
    /// many connections of this process it concerned.
    ///
    /// ```no_run
    /// # use channel_layers::gateway::{Gateway, Order, Selector};
    /// # async fn logged_out(gateway: &Gateway) -> channel_layers::Result<()> {
    /// gateway.order(Order::disconnect(Selector::user("ann")).because("logged out")).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] where it selects nobody. Those of the layer where the other gateways could not be told; it
    /// is carried out here even then.
    ///
    /// # Cancel safety
    ///
    /// A dropped future may have carried it out, here or everywhere.
    pub async fn order(&self, order: Order) -> Result<usize> {
        self.0.order(order).await
    }

    /// This gateway and the others on the layer, this one first. The others tell of themselves every 5 s, and are left
    /// out when they have not for 15 s.
    pub fn nodes(&self) -> Vec<Node> {
        let mut nodes = vec![self.0.node()];
        nodes.extend(self.0.other_nodes());
        nodes
    }

    /// Which groups that begin with `prefix` have members, and how many, in all gateways on the layer. Asks each of them,
    /// which takes a message there and one back, and at most a second.
    ///
    /// # Cancel safety
    ///
    /// A dropped future leaves nothing behind.
    pub async fn survey(&self, prefix: &str) -> Survey {
        self.0.survey(prefix).await
    }

    /// Whether the layer carries messages right now: what readiness should be decided by. A gateway whose layer does
    /// not still holds its sockets, whose clients would find no other gateway that is better off.
    pub fn health(&self) -> Health {
        self.0.layer.health()
    }

    /// What the gateway has done since it was made.
    pub fn stats(&self) -> GatewayStats {
        self.0.stats()
    }

    /// The layer behind the gateway.
    pub fn layer(&self) -> &L {
        &self.0.layer
    }

    /// Whether [`serve`](Self::serve) would serve on this listener: for programs that announce their address first.
    ///
    /// # Errors
    ///
    /// As [`serve`](Self::serve).
    pub fn check_listener(&self, listener: &TcpListener) -> Result<()> {
        let address = listener
            .local_addr()
            .map_err(|e| Error::new(ErrorKind::Io, format!("the listener has no address: {e}")).with_source(e))?;
        let open = self.0.authorizer.is_anonymous() && !self.0.config.allow_anonymous;
        if !open || address.ip().to_canonical().is_loopback() {
            return Ok(());
        }
        let text = format!(
            "{address} can be reached by other machines, and this gateway lets everybody join and send to everything: \
             listen on 127.0.0.1, or set up an authorizer, or allow anonymous clients (--allow-anonymous)"
        );
        Err(Error::new(ErrorKind::Config, text))
    }
}

impl<L> Clone for Gateway<L> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<L> fmt::Debug for Gateway<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway").field("config", &self.0.config).finish_non_exhaustive()
    }
}
