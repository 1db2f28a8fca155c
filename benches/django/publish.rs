//! What the pub/sub layer leaves of a connection: messages published by a hundred tasks at once, and the same bytes by a
//! hundred tasks that do nothing but use a connection of the same kind.

use std::time::{Duration, Instant};

use channel_layers::GroupName;
use channel_layers::layer::{ChannelLayer, Layer};
use redis::aio::MultiplexedConnection;
use redis::io::tcp::TcpSettings;
use redis::{AsyncConnectionConfig, Client, IntoConnectionInfo, cmd};
use tokio::task::JoinSet;

use crate::rust::chat;

const TASKS: usize = 100;

/// How fast messages were published.
pub(crate) struct Published {
    pub(crate) per_second: f64,
    /// CPU time of the thread that published, for one message; it depends less on what else the machine does.
    pub(crate) cpu: f64,
}

/// Published to a group that nobody is in.
pub(crate) async fn by_layer(layer: &Layer, time: Duration) -> Published {
    let (group, message) = (GroupName::new("nobody").expect("a name"), chat());
    at_once(time, |end| {
        let (layer, group, message) = (layer.clone(), group.clone(), message.clone());
        async move {
            let mut done = 0;
            while Instant::now() < end {
                layer.group_send(&group, message.clone()).await.expect("a send");
                done += 1;
            }
            done
        }
    })
    .await
}

/// The same without a layer.
pub(crate) async fn by_connection(connection: &MultiplexedConnection, time: Duration) -> Published {
    let payload = chat().msgpack().to_vec();
    at_once(time, |end| {
        let (mut connection, payload) = (connection.clone(), payload.clone());
        async move {
            let mut done = 0;
            while Instant::now() < end {
                let mut publish = cmd("PUBLISH");
                publish.arg("asgi__group__nobody").arg(&payload[..]);
                publish.query_async::<u64>(&mut connection).await.expect("a publish");
                done += 1;
            }
            done
        }
    })
    .await
}

/// Set up as the layer's connections are. Without `TCP_NODELAY` the kernel would gather what a hundred tasks write, which is
/// faster over loopback and delays single messages over a network.
pub(crate) async fn connect(url: &str) -> MultiplexedConnection {
    let config = AsyncConnectionConfig::new()
        .set_response_timeout(Some(Duration::from_secs(5)))
        .set_pipeline_buffer_size(1024)
        .set_push_sender(|_| Ok::<(), std::convert::Infallible>(()));
    let info = format!("{url}?protocol=resp3").into_connection_info().expect("a URL");
    let client = Client::open(info.set_tcp_settings(TcpSettings::default().set_nodelay(true))).expect("an address");
    client.get_multiplexed_async_connection_with_config(&config).await.expect("a connection")
}

async fn at_once<F>(time: Duration, task: impl Fn(Instant) -> F) -> Published
where
    F: Future<Output = u64> + Send + 'static,
{
    let (begun, cpu) = (Instant::now(), cpu());
    let tasks: JoinSet<_> = (0..TASKS).map(|_| task(begun + time)).collect();
    let done: u64 = tasks.join_all().await.into_iter().sum();
    let per_second = done as f64 / begun.elapsed().as_secs_f64();
    Published { per_second, cpu: (self::cpu() - cpu) / done as f64 }
}

/// What this thread has used, in seconds, where the system tells as Linux does; all tasks run on it.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    stat.split(' ').next().and_then(|nanoseconds| nanoseconds.parse::<f64>().ok()).map_or(f64::NAN, |ns| ns / 1e9)
}
