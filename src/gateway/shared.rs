//! What every part of one gateway holds a reference to.

use std::sync::Arc;

use super::api;
use super::auth::Authorizer;
use super::config::GatewayConfig;
use super::connections::Connections;
use super::control::Control;
use super::hub::Hub;
use super::seldom::Seldom;
use super::stats::{Counters, GatewayStats};

/// The parts of a gateway.
pub(crate) struct Shared<L> {
    pub(crate) layer: Arc<L>,
    pub(crate) config: Arc<GatewayConfig>,
    pub(crate) authorizer: Arc<dyn Authorizer>,
    pub(crate) hub: Hub<L>,
    pub(crate) connections: Arc<Connections>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) api: api::Memory,
    pub(crate) control: Control,
    /// When a page that may not connect is worth a line in the log.
    pub(crate) refusals: Seldom,
}

impl<L> Shared<L> {
    pub(crate) fn stats(&self) -> GatewayStats {
        self.counters.snapshot(self.connections.len(), self.connections.users())
    }
}
