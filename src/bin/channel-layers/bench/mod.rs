//! `channel-layers bench`: how fast a gateway hands a group's messages to its members, seen from outside.

mod result;

use std::time::{Duration, Instant};

use channel_layers::client::{Client, ClientConfig, Group};
use channel_layers::{Error, Message, message};
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::access::TokenArgs;
use crate::failure::Failure;
use result::{Heard, Outcome};

/// How many clients connect at the same time.
const AT_ONCE: usize = 100;

/// How long connecting and joining may take, and messages may stay away after the last one was sent.
const PATIENCE: Duration = Duration::from_secs(10);

/// The most deliveries of one run, each of which is remembered with four bytes.
const DELIVERIES: u64 = 50_000_000;

const EXAMPLES: &str = "\
Examples:
  channel-layers bench --clients 500 --rate 20 --seconds 10
  channel-layers bench --to https://chat.example.com --token-file tokens.txt --group bench.1

A gateway takes 100 connections of one user (--user-connections there) and 200 requests a second of one connection
(--message-rate): for more, name tokens of several users, one a line, and mind the rate.";

/// Connect clients to a gateway, send to the group that they are in, and say how long the messages took.
///
/// All clients run in this process, so what it measures on one machine includes their own work.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Bench {
    /// The gateway: ws://HOST:PORT/ws or http://HOST:PORT; wss:// and https:// with TLS.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8000")]
    to: String,

    #[command(flatten)]
    token: TokenArgs,

    /// A file with tokens, one a line, which clients take in turn.
    #[arg(long, value_name = "FILE", conflicts_with = "token")]
    token_file: Option<std::path::PathBuf>,

    /// The group; one with a random name unless given.
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,

    /// How many clients join it.
    #[arg(long, value_name = "NUMBER", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    clients: u32,

    /// How many messages are sent a second.
    #[arg(long, value_name = "NUMBER", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rate: u32,

    /// For how many seconds.
    #[arg(long, value_name = "NUMBER", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=3600))]
    seconds: u32,

    /// How many bytes of text a message carries.
    #[arg(long, value_name = "BYTES", default_value_t = 128)]
    size: usize,

    /// Print one JSON object instead of lines for people.
    #[arg(long)]
    json: bool,
}

impl Bench {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        let sent = self.rate * self.seconds;
        if u64::from(sent) * u64::from(self.clients) > DELIVERIES {
            let text = format!("clients × rate × seconds is more than {DELIVERIES} deliveries: ask for fewer");
            return Err(Failure::usage(text));
        }
        let group = self.group.clone().unwrap_or_else(|| format!("bench.{:08x}", fastrand::u32(..)));
        let begun = Instant::now();
        let members = self.join(&group).await?;
        let connecting = begun.elapsed();
        tracing::info!("{} clients are in {group}", members.len());
        let outcome = self.measure(members, sent).await?;
        outcome.report(connecting, self.json);
        match outcome.missing() {
            0 => Ok(()),
            missing => Err(Failure::failed(format!("{missing} deliveries did not come"))),
        }
    }

    /// What each client connects with, in turn.
    fn configs(&self) -> Result<Vec<ClientConfig>, Failure> {
        let Some(file) = &self.token_file else { return Ok(vec![self.token.client()]) };
        let wrong = |why: &dyn std::fmt::Display| Failure::usage(format!("{}: {why}", file.display()));
        let text = std::fs::read_to_string(file).map_err(|e| wrong(&e))?;
        let tokens = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let configs: Vec<_> = tokens.map(|token| ClientConfig::default().with_token(token)).collect();
        if configs.is_empty() { Err(wrong(&"there is no token in it")) } else { Ok(configs) }
    }

    /// Connects the clients and has them join.
    async fn join(&self, group: &str) -> Result<Vec<Member>, Failure> {
        let configs = self.configs()?;
        let turns = (0..self.clients as usize).map(|n| configs[n % configs.len()].clone());
        let joining = futures_util::stream::iter(turns).map(|config| Member::join(&self.to, config, group));
        let joined = joining.buffer_unordered(AT_ONCE).collect::<Vec<_>>().await;
        joined.into_iter().collect::<Result<_, _>>().map_err(|e| Failure::of(&e, &self.to))
    }

    /// Sends, and has every member listen until it has heard all.
    async fn measure(&self, members: Vec<Member>, sent: u32) -> Result<Outcome, Failure> {
        let clients = members.len();
        let sender = members[0].client.group(members[0].group.name()).map_err(|e| Failure::of(&e, &self.to))?;
        let epoch = Instant::now();
        let mut listening = JoinSet::new();
        for member in members {
            listening.spawn(member.listen(epoch, sent));
        }
        let refused = self.send(&sender, epoch, sent).await;
        let mut heard = Heard::default();
        while let Some(one) = listening.join_next().await {
            heard.add(one.unwrap_or_else(|panicked| std::panic::resume_unwind(panicked.into_panic())));
        }
        Ok(Outcome { clients, sent, refused, heard, took: epoch.elapsed() })
    }

    /// Sends at the rate; returns how many were refused.
    async fn send(&self, group: &Group, epoch: Instant, sent: u32) -> u32 {
        let text = "x".repeat(self.size);
        let mut ticks = interval(Duration::from_secs(1) / self.rate);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let (mut answers, mut refused, mut n) = (FuturesUnordered::new(), 0, 0);
        while n < sent || !answers.is_empty() {
            tokio::select! {
                _ = ticks.tick(), if n < sent => {
                    n += 1;
                    let at = i64::try_from(epoch.elapsed().as_micros()).unwrap_or(i64::MAX);
                    answers.push(group.send(message! { "type": "bench", "at": at, "last": n == sent, "text": text.as_str() }));
                }
                Some(answer) = answers.next() => {
                    if let Err(error) = answer {
                        tracing::warn!(%error, "a message was refused");
                        refused += 1;
                    }
                }
            }
        }
        refused
    }
}

/// A client in the group.
struct Member {
    client: Client,
    group: Group,
}

impl Member {
    async fn join(url: &str, config: ClientConfig, group: &str) -> Result<Self, Error> {
        let client = Client::connect(url, config)?;
        match timeout(PATIENCE, client.join(group)).await {
            Ok(joined) => joined.map(|group| Self { client, group }),
            Err(_) => Err(match timeout(Duration::ZERO, client.ready()).await {
                Ok(Err(error)) => error,
                _ => Error::new(channel_layers::ErrorKind::Timeout, format!("did not join within {PATIENCE:?}")),
            }),
        }
    }

    /// Hears messages until the last one, or none for too long.
    async fn listen(self, epoch: Instant, sent: u32) -> Heard {
        let mut heard = Heard::default();
        while heard.len() < sent as usize {
            let Ok(Ok(message)) = timeout(PATIENCE, self.group.recv()).await else { break };
            heard.note(epoch.elapsed(), &message);
            if is_last(&message) {
                break;
            }
        }
        self.client.close().await;
        heard
    }
}

fn is_last(message: &Message) -> bool {
    message.get("last") == Some(true.into())
}
