//! What happens to messages on their way when a master is replaced, dies, or hands slots over. One process sends to a
//! mailbox of another, and to a group that it is in, all the time. Afterwards messages pass again, the membership stands,
//! and nothing has come twice. What may be lost:
//!
//! | | `redis` | `redis-pubsub` |
//! |---|---|---|
//! | a slot moves | nothing | what is published until the process has subscribed at the new node |
//! | `CLUSTER FAILOVER` | what the old master had not told the new one; it waits for that, so nothing here | the same |
//! | a master dies | what it had not told its replica; sends fail until that has taken over | the same, and all that is published until then |

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use channel_layers::layer::redis::{Host, RedisConfig, RedisLayer, RedisPubSubLayer};
use channel_layers::layer::{LayerEvent, LayerEvents, Mailbox, MailboxOptions};
use channel_layers::{ChannelName, GroupName, Message, message};
use rig::{RedisCluster, RedisServer, until, within};
use tokio::task::JoinHandle;

use super::{Redis, host};

const GROUP: &str = "room";

/// How messages go to the mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Way {
    Group,
    Channel,
}

type Numbers = Arc<Mutex<Vec<(Way, i64)>>>;

/// Two processes on a cluster, one of which sends to the other all the time.
struct Scene<L> {
    cluster: RedisCluster,
    receiver: L,
    events: LayerEvents,
    channel: ChannelName,
    /// The messages whose send succeeded.
    sent: Numbers,
    received: Numbers,
    stop: Arc<AtomicBool>,
    senders: Vec<JoinHandle<()>>,
    receiving: JoinHandle<()>,
}

fn numbered(way: Way, number: i64) -> Message {
    message! { "type": "test.load", "way": way as i64, "number": number }
}

fn read(message: &Message) -> (Way, i64) {
    let field = |name| message.get(name).and_then(|value| value.as_int()).unwrap();
    (if field("way") == Way::Group as i64 { Way::Group } else { Way::Channel }, field("number"))
}

async fn send_all_the_time<L: Redis>(layer: L, way: Way, to: ChannelName, sent: Numbers, stop: Arc<AtomicBool>) {
    let group = GroupName::new(GROUP).unwrap();
    for number in 0.. {
        if stop.load(Ordering::Acquire) {
            return;
        }
        let message = numbered(way, number);
        let result = match way {
            Way::Group => layer.group_send(&group, message).await,
            Way::Channel => layer.send(&to, message).await,
        };
        if result.is_ok() {
            sent.lock().unwrap().push((way, number));
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

async fn receive_all(mut mailbox: Mailbox, received: Numbers) {
    while let Ok(message) = mailbox.recv().await {
        received.lock().unwrap().push(read(&message));
    }
}

impl<L: Redis + 'static> Scene<L> {
    async fn start() -> Self {
        let cluster = RedisCluster::start().await;
        let config = RedisConfig::new([host(&cluster)]).with_capacity(100_000);
        let (sender, receiver) = (L::open(config.clone()).await.unwrap(), L::open(config).await.unwrap());
        let mailbox = receiver.mailbox("test", MailboxOptions::default()).await.unwrap();
        let channel = mailbox.channel().clone();
        receiver.group_add(&GroupName::new(GROUP).unwrap(), &channel).await.unwrap();
        let (sent, received, stop) = (Numbers::default(), Numbers::default(), Arc::<AtomicBool>::default());
        let senders = [Way::Group, Way::Channel].map(|way| {
            let (sent, stop) = (Arc::clone(&sent), Arc::clone(&stop));
            tokio::spawn(send_all_the_time(sender.clone(), way, channel.clone(), sent, stop))
        });
        let events = receiver.events();
        let receiving = tokio::spawn(receive_all(mailbox, Arc::clone(&received)));
        let scene =
            Self { cluster, receiver, events, channel, sent, received, stop, senders: senders.into(), receiving };
        scene.flows().await;
        scene
    }

    /// The slots that the messages go through.
    async fn slots(&self) -> [u16; 2] {
        let [group, channel] = L::places(GROUP, &self.channel);
        [self.cluster.slot(&group).await, self.cluster.slot(&channel).await]
    }

    /// Waits until messages that are sent from now on arrive, each way.
    async fn flows(&self) {
        let last = |numbers: &Numbers, way| {
            numbers.lock().unwrap().iter().filter(|(of, _)| *of == way).map(|(_, number)| *number).max()
        };
        for way in [Way::Group, Way::Channel] {
            let before = last(&self.sent, way);
            until!(
                "messages pass",
                last(&self.received, way).is_some_and(|now| before.is_none_or(|before| now > before + 10))
            );
        }
    }

    /// Waits until the receiving process has told that it was out of reach, and is not any more.
    async fn healed(&mut self) {
        let mut down = false;
        loop {
            match within("the layer tells of the outage", self.events.next()).await.unwrap() {
                LayerEvent::Disconnected { .. } => down = true,
                LayerEvent::Reconnected { .. } if down => return,
                other => panic!("{other:?}"),
            }
        }
    }

    /// Ends the load. Returns what was sent and did not come; that anything came twice is a panic.
    async fn end(self) -> HashSet<(Way, i64)> {
        self.flows().await;
        self.stop.store(true, Ordering::Release);
        for sender in self.senders {
            within("the load ends", sender).await.unwrap();
        }
        let last: Vec<_> = [Way::Group, Way::Channel]
            .map(|way| self.sent.lock().unwrap().iter().rfind(|(of, _)| *of == way).copied().unwrap())
            .into();
        until!("the last messages arrive", last.iter().all(|last| self.received.lock().unwrap().contains(last)));
        self.receiver.close().await.unwrap();
        within("the receiver ends", self.receiving).await.unwrap();
        let received = std::mem::take(&mut *self.received.lock().unwrap());
        let mut distinct = HashSet::new();
        let twice: Vec<_> = received.into_iter().filter(|message| !distinct.insert(*message)).collect();
        assert_eq!(twice, [], "messages came twice");
        let sent: HashSet<_> = self.sent.lock().unwrap().iter().copied().collect();
        sent.difference(&distinct).copied().collect()
    }
}

/// Every slot in use goes to another master and back.
async fn slots_move<L: Redis + 'static>() -> HashSet<(Way, i64)> {
    let scene = Scene::<L>::start().await;
    for slot in scene.slots().await {
        let home = scene.cluster.owner(slot).await;
        for to in [(home + 1) % 3, home] {
            scene.cluster.migrate_slot(slot, to).await;
            scene.flows().await;
        }
    }
    scene.end().await
}

/// Every master in use gives way to its replica.
async fn failover<L: Redis + 'static>() -> HashSet<(Way, i64)> {
    let mut scene = Scene::<L>::start().await;
    for slot in scene.slots().await {
        let owner = scene.cluster.owner(slot).await;
        if owner < 3 {
            scene.cluster.failover(owner + 3).await;
            scene.healed().await;
            scene.flows().await;
        }
    }
    scene.end().await
}

/// Every master in use dies, one after the other, and its replica takes over.
async fn masters_die<L: Redis + 'static>() -> HashSet<(Way, i64)> {
    let mut scene = Scene::<L>::start().await;
    for slot in scene.slots().await {
        let owner = scene.cluster.owner(slot).await;
        if owner < 3 {
            scene.cluster.kill(owner);
            scene.cluster.settled().await;
            scene.healed().await;
            scene.flows().await;
            scene.cluster.restart(owner).await;
        }
    }
    scene.end().await
}

#[tokio::test]
async fn a_slot_moves_and_no_message_is_lost() {
    assert_eq!(slots_move::<RedisLayer>().await, HashSet::new());
}

#[tokio::test]
async fn a_slot_moves_and_subscriptions_follow() {
    slots_move::<RedisPubSubLayer>().await;
}

#[tokio::test]
async fn a_master_gives_way_and_messages_pass() {
    failover::<RedisLayer>().await;
}

#[tokio::test]
async fn a_master_gives_way_and_subscriptions_follow() {
    failover::<RedisPubSubLayer>().await;
}

#[tokio::test]
async fn a_master_dies_and_messages_pass() {
    masters_die::<RedisLayer>().await;
}

#[tokio::test]
async fn a_master_dies_and_subscriptions_follow() {
    masters_die::<RedisPubSubLayer>().await;
}

#[tokio::test]
async fn a_cluster_and_a_server_are_not_taken_for_each_other() {
    let config = |host| RedisConfig::new([host]).with_timeout(Duration::from_secs(5));
    let cluster = RedisServer::with_args(&["--cluster-enabled", "yes"]).await;
    let refused = RedisLayer::connect(config(Host::url(&cluster.url()).unwrap())).await.unwrap_err().to_string();
    assert!(refused.contains("node of a Redis Cluster"), "{refused}");
    let alone = RedisServer::start().await;
    let nodes = Host::cluster([("127.0.0.1", alone.port())]);
    let refused = RedisPubSubLayer::connect(config(nodes)).await.unwrap_err().to_string();
    assert!(refused.contains("name it as redis://"), "{refused}");
}
