//! `channel-layers serve`: the gateway on the in-memory layer.

use channel_layers::gateway::{Gateway, GatewayConfig};
use channel_layers::layer::Layer;
use tokio::net::TcpListener;

use crate::demo_page;
use crate::failure::Failure;
use crate::signal::stop_signal;

/// Serve the gateway on the in-memory layer, until interrupted or terminated.
///
/// Prints `listening on http://HOST:PORT` when it is ready.
#[derive(Debug, clap::Args)]
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
}

impl Serve {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        let config = GatewayConfig::default().with_allow_anonymous(self.allow_anonymous);
        let gateway = Gateway::new(Layer::default(), config);
        let router = match self.demo {
            true => gateway.router().merge(demo_page::router()?),
            false => gateway.router(),
        };
        let stop = stop_signal()?;
        let listener = TcpListener::bind(&self.listen).await.map_err(|e| {
            let remedy = "name another place with --listen, such as --listen 127.0.0.1:0";
            Failure::usage(format!("cannot listen on {}: {e}; {remedy}", self.listen))
        })?;
        gateway.check_listener(&listener).map_err(|e| Failure::of(&e, &self.listen))?;
        let address =
            listener.local_addr().map_err(|e| Failure::failed(format!("the listener has no address: {e}")))?;
        println!("listening on http://{address}");
        gateway.serve_router(listener, router, stop).await.map_err(|e| Failure::of(&e, &self.listen))
    }
}
