//! `channel-layers serve`: the gateway on a channel layer.

use std::io;
use std::net::SocketAddr;

use channel_layers::config::Resolved;
use channel_layers::gateway::Listener;
use channel_layers::layer::ChannelLayer;
use tokio::net::{TcpListener, TcpSocket, lookup_host};

use crate::failure::Failure;
use crate::layer::LayerArgs;
use crate::reload::Reloads;
use crate::settings::Flags;
use crate::signal::stop_signal;
use crate::{demo_page, guard, logging, open_files};

/// How many clients may wait to be accepted, if the system allows it (`net.core.somaxconn`). With the usual 1,024 some of ten
/// thousand that come at once are overlooked, and ask again a second later.
const BACKLOG: u32 = 4096;

const EXAMPLES: &str = "\
Examples:
  channel-layers serve --demo
  channel-layers serve --backend redis --redis-url redis://localhost:6379/1
  channel-layers serve --backend redis-pubsub --redis-url redis://r1:6379 --redis-url redis://r2:6379 --prefix chat";

/// Serve the gateway on a channel layer, until interrupted or terminated.
///
/// Prints `listening on http://HOST:PORT` when it is ready. A flag counts more than its environment variable, that more than the
/// file, that more than the default; `channel-layers config` shows what that comes to. Without --backend and --redis-url the
/// environment chooses the layer: CHANNEL_LAYERS (Django's setting as JSON), or USE_INMEMORY_CHANNELS, or REDIS_URL; or else the
/// file, or else it is memory.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Serve {
    #[command(flatten)]
    flags: Flags,

    #[command(flatten)]
    layer: LayerArgs,
}

impl Serve {
    /// Reads the settings, and logs as they say from then on.
    pub(crate) fn prepare(self) -> Result<Prepared, Failure> {
        let sources = self.flags.sources();
        let resolved = sources.resolve().map_err(|problems| Failure::settings(&problems))?;
        logging::start(&resolved.config().log, resolved.config().log_format)?;
        for unknown in sources.unknown_variables() {
            tracing::warn!("{unknown}");
        }
        Ok(Prepared { resolved, layer: self.layer })
    }
}

/// A gateway that knows all it has to.
pub(crate) struct Prepared {
    resolved: Resolved,
    layer: LayerArgs,
}

impl Prepared {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        let config = self.resolved.config();
        open_files::raise(config.gateway.max_connections);
        let mut reloads = Reloads::default();
        let tls = guard::tls(config, &mut reloads).map_err(|e| Failure::usage(e.to_string()))?;
        let layer = self.layer.open(&self.resolved)?;
        let gateway = guard::gateway(layer.clone(), config, &mut reloads)?;
        let router = match config.demo {
            true => gateway.router().merge(demo_page::router()?),
            false => gateway.router(),
        };
        let (stop, reloading) = (stop_signal()?, reloads.on_hangup()?);
        let place = &config.listen;
        let listener = bind(place).await.map_err(|e| {
            let remedy = "name another place with --listen, such as --listen 127.0.0.1:0";
            Failure::usage(format!("cannot listen on {place}: {e}; {remedy}"))
        })?;
        gateway.check_listener(&listener).map_err(|e| Failure::of(&e, place))?;
        let address =
            listener.local_addr().map_err(|e| Failure::failed(format!("the listener has no address: {e}")))?;
        println!("listening on {}://{address}", if tls.is_some() { "https" } else { "http" });
        let listener = tls.into_iter().fold(Listener::from(listener), Listener::with_tls);
        // On a worker, where everything else runs: what is taken for a client and given back is then used again.
        let serving = tokio::spawn(async move {
            tokio::select! {
                served = gateway.serve_router(listener, router, stop) => served,
                never = reloading => match never {},
            }
        });
        let served = serving.await.unwrap_or_else(|panicked| std::panic::resume_unwind(panicked.into_panic()));
        // Takes what this process has in groups out of them, so that nobody sends to it any more.
        let closed = layer.close().await;
        served.map_err(|e| Failure::of(&e, place))?;
        closed.map_err(|e| Failure::of_layer(&e))
    }
}

/// Listens on the first address of a place where that works.
async fn bind(place: &str) -> io::Result<TcpListener> {
    let mut last = io::Error::new(io::ErrorKind::InvalidInput, "the name has no address");
    for address in lookup_host(place).await? {
        match listen(address) {
            Ok(listener) => return Ok(listener),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
