//! Who a command is to the gateway that it talks to: a client by its token, or a backend by its API key.
//!
//! Both can stand in variables, where other users of the machine do not see them. The variables do not begin as those of
//! `serve` do, whose check takes what it does not know there for a mistake.

use channel_layers::client::ClientConfig;

/// A client's proof of who it is.
#[derive(Clone, clap::Args)]
pub(crate) struct TokenArgs {
    /// The connection token. In the variable other users of the machine do not see it.
    #[arg(long, value_name = "TOKEN", env = "CHANNEL_TOKEN", hide_env_values = true)]
    token: Option<String>,
}

/// A client's or a backend's.
#[derive(Clone, clap::Args)]
pub(crate) struct AccessArgs {
    #[command(flatten)]
    token: TokenArgs,

    /// An API key of the gateway, for posting. In the variable other users of the machine do not see it.
    #[arg(long, value_name = "KEY", env = "CHANNEL_API_KEY", hide_env_values = true)]
    api_key: Option<String>,
}

impl TokenArgs {
    pub(crate) fn client(&self) -> ClientConfig {
        let config = ClientConfig::default().with_client(concat!("channel-layers-cli/", env!("CARGO_PKG_VERSION")));
        match &self.token {
            Some(token) => config.with_token(token),
            None => config,
        }
    }
}

impl AccessArgs {
    pub(crate) fn client(&self) -> ClientConfig {
        self.token.client()
    }

    /// What to show when posting: the key counts more than the token.
    pub(crate) fn bearer(&self) -> Option<&str> {
        self.api_key.as_deref().or(self.token.token.as_deref())
    }
}

/// Without the secrets.
impl std::fmt::Debug for TokenArgs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenArgs").field("token", &self.token.is_some()).finish()
    }
}

/// Without the secrets.
impl std::fmt::Debug for AccessArgs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccessArgs").field("token", &self.token).field("api_key", &self.api_key.is_some()).finish()
    }
}
