//! `/metrics`: what the gateway, its layer and its authorizer have counted, in the text format of OpenMetrics, which
//! Prometheus reads.
//!
//! Everything is counted elsewhere and read here when it is asked for. Every code and every reason stands there from the
//! start with a zero, so that a rate over the first one is seen.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::exemplar::Exemplar;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};

use super::Failure;
use super::caller::{check_manager, is_local};
use super::health::not_ready;
use crate::gateway::shared::Shared;
use crate::gateway::stats::GatewayStats;
use crate::gateway::times::DeliveryTimes;
use crate::layer::{ChannelLayer, Health, LayerCounts};
use crate::protocol::{CloseCode, ErrorCode};

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

const BYTES: Option<&Unit> = Some(&Unit::Bytes);
const SECONDS: Option<&Unit> = Some(&Unit::Seconds);

pub(super) async fn metrics<L: ChannelLayer>(
    State(shared): State<Arc<Shared<L>>>,
    request: Request,
) -> Result<Response, Failure> {
    let (parts, _) = request.into_parts();
    if !shared.config.open_metrics && !is_local(&parts) {
        check_manager(&shared, &parts)?;
    }
    let snapshot = Snapshot {
        stats: shared.stats(),
        groups: shared.hub.len(),
        since: shared.api.since.duration_since(UNIX_EPOCH).unwrap_or_default(),
        ready: not_ready(&shared).is_none(),
        layer_name: shared.layer.capabilities().name,
        layer: shared.layer.counts(),
        health: shared.layer.health(),
        auth_failures: shared.authorizer.failures(),
    };
    let (mut registry, mut page) = (Registry::default(), String::new());
    registry.register_collector(Box::new(snapshot));
    text::encode(&mut page, &registry).expect("text can be written to a String");
    Ok(([(CONTENT_TYPE, OPENMETRICS)], page).into_response())
}

/// Everything at one moment.
#[derive(Debug)]
struct Snapshot {
    stats: GatewayStats,
    groups: usize,
    /// When the gateway was made, since 1970.
    since: Duration,
    ready: bool,
    layer_name: &'static str,
    layer: LayerCounts,
    health: Health,
    auth_failures: BTreeMap<&'static str, u64>,
}

impl Collector for Snapshot {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut page = Page(encoder);
        self.process(&mut page)?;
        self.connections(&mut page)?;
        self.traffic(&mut page)?;
        self.losses(&mut page)?;
        self.layer(&mut page)
    }
}

impl Snapshot {
    fn process(&self, page: &mut Page<'_>) -> fmt::Result {
        let build = [("version", env!("CARGO_PKG_VERSION")), ("layer", self.layer_name)];
        page.0
            .encode_descriptor("channel_layers_build", "The gateway's version and layer", None, MetricType::Info)?
            .encode_info(&build)?;
        let help = "When the gateway was made, since 1970";
        page.gauge("channel_layers_start_time", help, SECONDS, self.since.as_secs_f64())?;
        page.gauge("channel_layers_ready", "1 if /readyz says so", None, f64::from(u8::from(self.ready)))
    }

    fn connections(&self, page: &mut Page<'_>) -> fmt::Result {
        let stats = &self.stats;
        let open = stats.encodings.iter().map(|(encoding, of)| (*encoding, float(of.open)));
        page.gauges("channel_layers_connections", "Open WebSockets", None, "encoding", open)?;
        page.gauge("channel_layers_users", "Users with open WebSockets", None, float(stats.users as u64))?;
        page.gauge("channel_layers_groups", "Groups with members here", None, float(self.groups as u64))?;
        let opened = stats.encodings.iter().map(|(encoding, of)| (*encoding, of.opened));
        page.counters("channel_layers_connections_opened", "WebSockets opened", None, "encoding", opened)?;
        let codes = CloseCode::ALL.iter().map(|code| (code.0.to_string(), count(&stats.closes, code.0)));
        let ends = codes.chain([("client".to_owned(), stats.ended_by_client)]);
        let help = "WebSockets ended, by our close code, or by the client";
        page.counters("channel_layers_connections_closed", help, None, "code", ends)?;
        let help = "WebSockets refused because there were too many, or of a shutdown";
        page.counter("channel_layers_connections_refused", help, None, stats.refused)
    }

    fn traffic(&self, page: &mut Page<'_>) -> fmt::Result {
        let stats = &self.stats;
        page.counter("channel_layers_frames_received", "Frames from clients", None, stats.frames_in)?;
        page.counter("channel_layers_frames_sent", "Frames queued for clients", None, stats.frames_out)?;
        page.counter("channel_layers_received", "Bytes of frames from clients", BYTES, stats.bytes_in)?;
        page.counter("channel_layers_sent", "Bytes of frames that sockets took", BYTES, stats.bytes_out)?;
        let help = "Group messages queued for a client, one per client";
        page.counter("channel_layers_deliveries", help, None, stats.deliveries)?;
        let help = "Time of group messages from the layer until the sockets were written to";
        page.histogram("channel_layers_delivery", help, &stats.delivery_times)?;
        let help = "The most that ever waited for one client that was slow to read";
        page.gauge("channel_layers_longest_backlog", help, BYTES, float(stats.longest_backlog))
    }

    fn losses(&self, page: &mut Page<'_>) -> fmt::Result {
        let stats = &self.stats;
        let dropped = [("slow_consumer", stats.dropped_slow), ("volatile", stats.dropped_volatile)];
        let help = "Messages dropped for a client";
        page.counters("channel_layers_dropped_messages", help, None, "reason", dropped)?;
        let help = "Times that a group's members were told to join again";
        page.counter("channel_layers_groups_lost", help, None, stats.groups_lost)?;
        let codes = ErrorCode::ALL.iter().map(|code| (code.name(), count(&stats.rejections, code.0)));
        page.counters("channel_layers_requests_rejected", "Requests refused", None, "code", codes)?;
        let failures = self.auth_failures.iter().map(|(reason, n)| (*reason, *n));
        page.counters("channel_layers_auth_failures", "Credentials refused", None, "reason", failures)?;
        let keys = [("wrong", stats.keys_wrong), ("held_up", stats.keys_held_up)];
        page.counters("channel_layers_api_key_failures", "API keys refused", None, "reason", keys)
    }

    fn layer(&self, page: &mut Page<'_>) -> fmt::Result {
        let errors = self.stats.layer_errors.iter().map(|(kind, n)| (*kind, *n));
        page.counters("channel_layers_layer_errors", "What the layer refused or failed at", None, "kind", errors)?;
        let help = "Connections to the layer's servers made again";
        page.counter("channel_layers_layer_reconnects", help, None, self.layer.reconnects)?;
        let help = "Times that a server had lost its data";
        page.counter("channel_layers_layer_data_lost", help, None, self.layer.data_lost)?;
        let dropped = self.layer.dropped.iter().map(|(reason, n)| (*reason, *n));
        page.counters("channel_layers_layer_dropped_messages", "Dropped by the layer", None, "reason", dropped)?;
        let hosts = || self.health.hosts.iter();
        let up = hosts().map(|host| (&*host.host, f64::from(u8::from(host.is_ready()))));
        page.gauges("channel_layers_layer_up", "1 if a server carries messages", None, "host", up)?;
        let lag = hosts().filter_map(|host| Some((&*host.host, host.lag?.as_secs_f64())));
        let help = "Time of the last test message through a server";
        page.gauges("channel_layers_layer_canary_lag", help, SECONDS, "host", lag)
    }
}

/// What is written.
struct Page<'a>(DescriptorEncoder<'a>);

impl Page<'_> {
    fn counter(&mut self, name: &str, help: &str, unit: Option<&Unit>, value: u64) -> fmt::Result {
        let counter = self.0.encode_descriptor(name, help, unit, MetricType::Counter)?;
        ConstCounter::new(value).encode(counter)
    }

    fn counters(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
        label: &str,
        values: impl IntoIterator<Item = (impl AsRef<str>, u64)>,
    ) -> fmt::Result {
        let mut counters = self.0.encode_descriptor(name, help, unit, MetricType::Counter)?;
        for (of, value) in values {
            ConstCounter::new(value).encode(counters.encode_family(&[(label, of.as_ref())])?)?;
        }
        Ok(())
    }

    fn gauge(&mut self, name: &str, help: &str, unit: Option<&Unit>, value: f64) -> fmt::Result {
        let gauge = self.0.encode_descriptor(name, help, unit, MetricType::Gauge)?;
        ConstGauge::new(value).encode(gauge)
    }

    fn gauges(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
        label: &str,
        values: impl IntoIterator<Item = (impl AsRef<str>, f64)>,
    ) -> fmt::Result {
        let mut gauges = self.0.encode_descriptor(name, help, unit, MetricType::Gauge)?;
        for (of, value) in values {
            ConstGauge::new(value).encode(gauges.encode_family(&[(label, of.as_ref())])?)?;
        }
        Ok(())
    }

    fn histogram(&mut self, name: &str, help: &str, times: &DeliveryTimes) -> fmt::Result {
        let bounds = times.counts.iter().map(|(bound, n)| (bound.as_secs_f64(), *n));
        let buckets: Vec<_> = bounds.chain([(f64::INFINITY, times.longer)]).collect();
        let count = buckets.iter().map(|(_, n)| n).sum();
        let exemplars = None::<&HashMap<usize, Exemplar<NoLabelSet, f64>>>;
        self.0.encode_descriptor(name, help, SECONDS, MetricType::Histogram)?.encode_histogram(
            times.sum.as_secs_f64(),
            count,
            &buckets,
            exemplars,
        )
    }
}

fn count(by_code: &BTreeMap<u16, u64>, code: u16) -> u64 {
    by_code.get(&code).copied().unwrap_or_default()
}

/// What a gauge shows. Counts are far below what a float cannot tell apart.
fn float(n: u64) -> f64 {
    n as f64
}
