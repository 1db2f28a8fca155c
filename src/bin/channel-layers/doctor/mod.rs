//! `channel-layers doctor`: looks at everything that a gateway depends on, and says what to do about what is wrong.
//!
//! - `server.rs`, `clocks.rs`, `process.rs`: judgements of facts, without I/O.
//! - `layer.rs`: the layer itself, by messages that it sends itself. `gateway.rs`: a gateway that runs.
//!
//! What must stay true: it leaves nothing behind. Every finding that is not fine says what to do.

mod clocks;
mod gateway;
mod layer;
mod process;
mod report;
mod server;

use channel_layers::config::LayerConfig;
use channel_layers::gateway::GatewayConfig;
use channel_layers::layer::redis::{RedisConfig, RedisLayer, RedisPubSubLayer};

use crate::access::TokenArgs;
use crate::failure::Failure;
use crate::layer::LayerArgs;
use crate::logging;
use crate::settings::Flags;
use report::Report;

const EXAMPLES: &str = "\
Examples:
  channel-layers doctor
  channel-layers doctor --backend redis-pubsub --redis-url redis://localhost:6379/1
  channel-layers doctor --to http://localhost:8000 --json

Exit codes: 0 with nothing worse than warnings, 1 where something keeps the gateway from working.";

/// Check everything that a gateway depends on, and say what to do about what is wrong.
///
/// Looks at the settings, at each Redis (version, commands and permissions, clock, memory, limits), sends messages through
/// the layer in both of Django's layouts, and looks at the limits of this process. Takes the options and variables of `serve`,
/// and leaves nothing behind in Redis.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Doctor {
    /// Check a gateway that runs, too: http://HOST:PORT; https:// with TLS.
    #[arg(long, value_name = "URL")]
    to: Option<String>,

    #[command(flatten)]
    token: TokenArgs,

    /// Print one JSON object instead of lines for people.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    layer: LayerArgs,

    #[command(flatten)]
    flags: Flags,
}

impl Doctor {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        let mut report = Report::new(self.json);
        let (layers, gateway) = self.settings(&mut report);
        for (alias, config) in &layers {
            check(&mut report, alias, config).await;
        }
        process::judge(&mut report, process::descriptors(), gateway.max_connections);
        if let Some(url) = &self.to {
            gateway::check(&mut report, url, self.token.client()).await;
        }
        match report.finish() {
            0 => Ok(()),
            1 => Err(Failure::failed("1 problem, told above")),
            problems => Err(Failure::failed(format!("{problems} problems, told above"))),
        }
    }

    /// Judges the settings; what they come to, as far as they can be read.
    fn settings(&self, report: &mut Report) -> (Vec<(String, LayerConfig)>, GatewayConfig) {
        const ABOUT: &str = "settings";
        const REMEDY: &str =
            "mend this first: nothing starts like this; `channel-layers config default` shows every setting";
        let sources = self.flags.sources();
        for unknown in sources.unknown_variables() {
            report.warning(ABOUT, unknown, "write its name right, or take it away");
        }
        let resolved = match sources.resolve() {
            Ok(resolved) => resolved,
            Err(problems) => {
                problems.iter().for_each(|problem| report.problem(ABOUT, problem, REMEDY));
                return (Vec::new(), GatewayConfig::default());
            }
        };
        let gateway = resolved.config().gateway.clone();
        if let Err(e) = logging::read(&resolved.config().log) {
            report.problem(ABOUT, e.to_string(), REMEDY);
        }
        match self.layer.configs(&resolved) {
            Ok(layers) => {
                report.fine(ABOUT, "can be read");
                (layers, gateway)
            }
            Err(failure) => {
                report.problem(ABOUT, failure.to_string(), REMEDY);
                (Vec::new(), gateway)
            }
        }
    }
}

async fn check(report: &mut Report, alias: &str, config: &LayerConfig) {
    let about = format!("layer {alias}");
    match config {
        LayerConfig::Redis(redis) => check_redis(report, &about, config, redis).await,
        LayerConfig::RedisPubSub(redis) => check_redis(report, &about, config, redis).await,
        _ => report.warning(
            &about,
            format!("{}: it serves one process, so no other process and no Django hears it", config.name()),
            "right for development and for a single process; otherwise set REDIS_URL, or give --redis-url",
        ),
    }
}

async fn check_redis(report: &mut Report, about: &str, config: &LayerConfig, redis: &RedisConfig) {
    let hosts: Vec<_> = redis.hosts.iter().map(ToString::to_string).collect();
    report.fine(about, format!("{} at {}", config.name(), hosts.join(" and ")));
    let pubsub = matches!(config, LayerConfig::RedisPubSub(_));
    let examined = match pubsub {
        true => RedisPubSubLayer::examine(redis).await,
        false => RedisLayer::examine(redis).await,
    };
    let mut clocks = Vec::new();
    for server in &examined {
        let about = format!("redis {}", server.server);
        match &server.facts {
            Ok(facts) => {
                server::judge(report, &about, facts, pubsub);
                clocks.extend(clocks::Clock::of(&server.server, facts));
            }
            Err(e) => {
                let (text, named) = (e.to_string(), format!("Redis {} ", server.server));
                report.problem(&about, text.strip_prefix(&named).unwrap_or(&text), server::remedy(&text));
            }
        }
    }
    clocks::judge(report, &clocks, (!pubsub).then_some(redis.expiry));
    if examined.iter().all(|server| server.facts.is_ok()) {
        layer::check(report, redis, pubsub).await;
    }
}
