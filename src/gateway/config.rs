//! The gateway's settings, each with its default and what moving it costs. Plain data: nothing is started or checked
//! here.

use std::num::NonZeroUsize;
use std::time::Duration;

use super::{ApiKeys, Network};
use crate::layer::Pattern;

/// Limits and times of a [`Gateway`](super::Gateway).
///
/// ```
/// use std::time::Duration;
/// use channel_layers::gateway::GatewayConfig;
///
/// let config = GatewayConfig::default().with_frame_limit(16 * 1024).with_shutdown_timeout(Duration::from_secs(5));
/// assert_eq!(config.frame_limit, 16 * 1024);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct GatewayConfig {
    /// Whether clients that nobody has identified may be served to other machines. Default: false, so that an
    /// anonymous gateway listens on loopback only.
    pub allow_anonymous: bool,
    /// The most WebSockets at a time; a further one is answered with HTTP 503. Default: 65,536. Each costs about
    /// 2.2 KB idle with one group, besides the kernel's buffers.
    pub max_connections: usize,
    /// The most WebSockets at a time of one user; a further one is closed with 4504. Default: 100. Clients without a user
    /// count by address only.
    pub user_connections: usize,
    /// The most WebSockets at a time from one address, or one IPv6 network of 64 bits; a further one is answered with HTTP
    /// 429. Default: unlimited, because behind a proxy that is not trusted all clients have one address.
    pub address_connections: usize,
    /// Which pages of other sites may open a WebSocket, as globs of origins such as `https://*.example.com`; `*` for all.
    /// Default: none. Pages of the gateway's own host always may, pages of this machine where the gateway is asked for by a name
    /// of this machine, and programs, which send no `Origin`. Browsers send cookies along whatever page asks, so this is
    /// what keeps other sites from acting as their users.
    pub origins: Vec<Pattern>,
    /// The proxies in front, whose `X-Forwarded-For` and `X-Forwarded-Host` are believed. Default: none, so that the address of
    /// whoever connects counts. Whoever can connect from such an address can claim to be anybody's address: name the
    /// proxies only, and have them append to the header or replace it.
    pub trusted_proxies: Vec<Network>,
    /// How long a client may take to send `connect`. Default: 10 s. Longer lets idle sockets that never speak hold
    /// their memory for longer.
    pub connect_timeout: Duration,
    /// How often the gateway pings. Default: 25 s, below the 30 s and 60 s after which common proxies drop silent
    /// connections. Shorter notices dead peers sooner and costs a write per connection each time.
    pub ping: Duration,
    /// How long a client may be silent after a ping. Default: 8 s. Shorter cuts clients on slow mobile links.
    pub pong: Duration,
    /// The largest frame that a client may send, in bytes; also of an HTTP request's body. Default: 64 KiB. Each
    /// connection may make the gateway hold this much.
    pub frame_limit: usize,
    /// Whether messages are compressed for clients that offer it (`permessage-deflate`, RFC 7692). Default: false. A message
    /// of 256 bytes and more is compressed once for all sockets, some microseconds each; each side's messages stand alone, so
    /// a connection holds no window. What clients compress is bounded by [`frame_limit`](Self::frame_limit) inflated.
    pub compression: bool,
    /// How many groups a connection may be in. Default: 128. A membership costs about 150 bytes.
    pub group_limit: usize,
    /// How many requests a client may make a second, lasting. Default: 200; 0 is unlimited. A faster one gets error 110 with
    /// the time to wait, and one that does not wait is closed with 4005. WebSocket pings count too.
    pub message_rate: u32,
    /// How many requests it may make at once, before the rate counts. Default: 1,000, so that a client that comes back
    /// can join all of its groups. As many again are answered with error 110 before 4005.
    pub message_burst: u32,
    /// How long a connection goes on after its token has ended, to be refreshed. Default: 25 s. Then it is closed with
    /// 4002, and the client comes back with a fresh token.
    pub token_grace: Duration,
    /// The greatest age of a connection, which is closed with 4008 between nine tenths of it and the whole, so that not all
    /// end at once. Default: none. For platforms that cut connections at a fixed age, to be ahead of them, and to
    /// spread clients over new processes.
    pub max_connection_age: Option<Duration>,
    /// How many bytes may wait for one client before it counts as a slow consumer and is closed with 4003. Default:
    /// 1 MiB. Messages are shared between clients, so slow members of one group hold the same bytes.
    pub outbound_bytes: usize,
    /// How many messages may wait for one client before it counts as a slow consumer. Default: 4,096.
    pub outbound_messages: usize,
    /// Groups whose messages are dropped for a client that cannot take them at that moment, by patterns of their names.
    /// Default: none. For positions, cursors and the like, of which the next one makes up for the last: such a client
    /// then stays connected, and gets what is new when it can.
    pub volatile: Vec<Pattern>,
    /// How many messages of one group may wait for one shard, before the members there are told that they missed some.
    /// Default: 10,000. It is this large because it stands for all members in the shard.
    pub group_capacity: usize,
    /// How many bytes of them may wait there. Default: 16 MiB.
    pub group_bytes: usize,
    /// How many shards the sockets are spread over, each served by one task. Default: one for each core. More do not
    /// help; fewer leave cores to others.
    pub shards: usize,
    /// How many bytes of messages may wait for one shard, of all groups and channels together. Default: 64 MiB.
    pub shard_bytes: usize,
    /// How long a closing connection may take to send what is queued and to answer the close frame. Default: 2 s.
    pub close_timeout: Duration,
    /// How long a shutdown waits for connections to end before it cuts them. Default: 10 s. Container platforms kill
    /// the process after 10 s to 30 s.
    pub shutdown_timeout: Duration,
    /// Over which time clients are asked to come back after a shutdown, spread evenly. Default: 5 s. Longer eases the
    /// load on the gateways that take over, and leaves the last client alone for that long.
    pub reconnect_spread: Duration,
    /// The keys of backends, which may do over HTTP what the application itself may: send to every group and channel
    /// under any `sender`, and see and end what is connected. Default: none. Clones of the set change it at run time.
    pub api_keys: ApiKeys,
    /// The keys of administrators: for the live view, and for seeing and ending what is connected. Default: none.
    pub admin_keys: ApiKeys,
    /// The most messages in one request to `/api/batch`. Default: 1,000. They are sent one after the other.
    pub batch_items: usize,
    /// The largest body of such a request, in bytes. Default: 1 MiB. Each such request may make the gateway hold this
    /// much; no message in it may be larger than [`frame_limit`](Self::frame_limit).
    pub batch_bytes: usize,
    /// Whether everybody who reaches the gateway may read `/metrics`. Default: false, so that they are for this machine,
    /// and for those who show an API or admin key.
    pub open_metrics: bool,
}

impl Default for GatewayConfig {
    fn default() -> Self {
        Self {
            allow_anonymous: false,
            max_connections: 65_536,
            user_connections: 100,
            address_connections: usize::MAX,
            origins: Vec::new(),
            trusted_proxies: Vec::new(),
            connect_timeout: Duration::from_secs(10),
            ping: Duration::from_secs(25),
            pong: Duration::from_secs(8),
            frame_limit: 64 * 1024,
            compression: false,
            group_limit: 128,
            message_rate: 200,
            message_burst: 1000,
            token_grace: Duration::from_secs(25),
            max_connection_age: None,
            outbound_bytes: 1024 * 1024,
            outbound_messages: 4096,
            volatile: Vec::new(),
            group_capacity: 10_000,
            group_bytes: 16 * 1024 * 1024,
            shards: std::thread::available_parallelism().map_or(1, NonZeroUsize::get),
            shard_bytes: 64 * 1024 * 1024,
            close_timeout: Duration::from_secs(2),
            shutdown_timeout: Duration::from_secs(10),
            reconnect_spread: Duration::from_secs(5),
            api_keys: ApiKeys::default(),
            admin_keys: ApiKeys::default(),
            batch_items: 1000,
            batch_bytes: 1024 * 1024,
            open_metrics: false,
        }
    }
}

/// Writes a setter for each field.
macro_rules! setters {
    ($($setter:ident: $field:ident: $type:ty;)*) => {
        impl GatewayConfig {
            $(
                #[doc = concat!("Sets [`", stringify!($field), "`](Self::", stringify!($field), ").")]
                #[must_use]
                pub fn $setter(mut self, $field: $type) -> Self {
                    self.$field = $field;
                    self
                }
            )*
        }
    };
}

setters! {
    with_allow_anonymous: allow_anonymous: bool;
    with_max_connections: max_connections: usize;
    with_user_connections: user_connections: usize;
    with_address_connections: address_connections: usize;
    with_origins: origins: Vec<Pattern>;
    with_message_rate: message_rate: u32;
    with_message_burst: message_burst: u32;
    with_token_grace: token_grace: Duration;
    with_max_connection_age: max_connection_age: Option<Duration>;
    with_trusted_proxies: trusted_proxies: Vec<Network>;
    with_connect_timeout: connect_timeout: Duration;
    with_ping: ping: Duration;
    with_pong: pong: Duration;
    with_frame_limit: frame_limit: usize;
    with_compression: compression: bool;
    with_group_limit: group_limit: usize;
    with_outbound_bytes: outbound_bytes: usize;
    with_outbound_messages: outbound_messages: usize;
    with_volatile: volatile: Vec<Pattern>;
    with_group_capacity: group_capacity: usize;
    with_group_bytes: group_bytes: usize;
    with_shards: shards: usize;
    with_shard_bytes: shard_bytes: usize;
    with_close_timeout: close_timeout: Duration;
    with_shutdown_timeout: shutdown_timeout: Duration;
    with_reconnect_spread: reconnect_spread: Duration;
    with_api_keys: api_keys: ApiKeys;
    with_admin_keys: admin_keys: ApiKeys;
    with_batch_items: batch_items: usize;
    with_batch_bytes: batch_bytes: usize;
    with_open_metrics: open_metrics: bool;
}
