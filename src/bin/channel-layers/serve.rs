//! `channel-layers serve`.
use channel_layers::gateway::{Gateway, GatewayConfig};
use channel_layers::layer::Layer;

/// Serves the gateway.
#[derive(Debug, clap::Args)]
pub(crate) struct Serve {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:8000")]
    listen: String,
    /// Serve anonymous clients.
    #[arg(long)]
    allow_anonymous: bool,
}

impl Serve {
    pub(crate) async fn run(self) -> Result<(), Box<dyn std::error::Error>> {
        let gateway =
            Gateway::new(Layer::default(), GatewayConfig::default().with_allow_anonymous(self.allow_anonymous));
        let listener = tokio::net::TcpListener::bind(&self.listen).await?;
        println!("listening on http://{}", listener.local_addr()?);
        gateway
            .serve(listener, async {
                let _ = tokio::signal::ctrl_c().await;
            })
            .await?;
        Ok(())
    }
}
