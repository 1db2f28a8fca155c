//! `channel-layers serve`: the gateway on a channel layer.

use std::io;
use std::net::SocketAddr;
use std::num::NonZeroUsize;

use channel_layers::gateway::{Gateway, GatewayConfig};
use channel_layers::layer::{ChannelLayer, Pattern};
use tokio::net::{TcpListener, TcpSocket, lookup_host};

use crate::demo_page;
use crate::failure::Failure;
use crate::layer::LayerArgs;
use crate::signal::stop_signal;

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
/// Prints `listening on http://HOST:PORT` when it is ready. Without --backend and --redis-url the environment chooses the
/// layer: CHANNEL_LAYERS (Django's setting as JSON), or USE_INMEMORY_CHANNELS, or REDIS_URL, or else memory.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Serve {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8000")]
    listen: String,

    /// Serve the chat page at `/`, which makes the address the place to try things.
    #[arg(long)]
    demo: bool,

    /// Let other machines in, although everybody may join and send to everything.
    #[arg(long)]
    allow_anonymous: bool,

    /// Compress messages for clients that offer it (permessage-deflate).
    #[arg(long)]
    compression: bool,

    /// Groups whose messages are dropped for clients that cannot take them at once, as a glob; may be repeated.
    #[arg(long, value_name = "GLOB")]
    volatile: Vec<String>,

    /// How many tasks the sockets are spread over; one for each core if left out.
    #[arg(long, value_name = "NUMBER")]
    shards: Option<NonZeroUsize>,

    #[command(flatten)]
    layer: LayerArgs,
}

impl Serve {
    fn config(&self) -> GatewayConfig {
        let config = GatewayConfig::default()
            .with_allow_anonymous(self.allow_anonymous)
            .with_compression(self.compression)
            .with_volatile(self.volatile.iter().map(|glob| Pattern::glob(glob)).collect());
        match self.shards {
            Some(shards) => config.with_shards(shards.get()),
            None => config,
        }
    }

    pub(crate) async fn run(self) -> Result<(), Failure> {
        let config = self.config();
        let layer = self.layer.open()?;
        let gateway = Gateway::new(layer.clone(), config);
        let router = match self.demo {
            true => gateway.router().merge(demo_page::router()?),
            false => gateway.router(),
        };
        let stop = stop_signal()?;
        let listener = bind(&self.listen).await.map_err(|e| {
            let remedy = "name another place with --listen, such as --listen 127.0.0.1:0";
            Failure::usage(format!("cannot listen on {}: {e}; {remedy}", self.listen))
        })?;
        gateway.check_listener(&listener).map_err(|e| Failure::of(&e, &self.listen))?;
        let address =
            listener.local_addr().map_err(|e| Failure::failed(format!("the listener has no address: {e}")))?;
        println!("listening on http://{address}");
        // On a worker, where everything else runs: what is taken for a client and given back is then used again.
        let serving = tokio::spawn(async move { gateway.serve_router(listener, router, stop).await });
        let served = serving.await.unwrap_or_else(|panicked| std::panic::resume_unwind(panicked.into_panic()));
        // Takes what this process has in groups out of them, so that nobody sends to it any more.
        let closed = layer.close().await;
        served.map_err(|e| Failure::of(&e, &self.listen))?;
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
