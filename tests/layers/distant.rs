//! A layer that lacks everything that a layer may lack, so that the suite's other branches are held as well: messages
//! travel, each way by itself and at its own pace; nothing refuses, nothing waits for receivers to come, and channels
//! belong to the instance that made them.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use channel_layers::layer::conformance::{Factory, Settings};
use channel_layers::layer::{Capabilities, ChannelLayer, LayerEvents, Mailbox, MailboxOptions, MemoryLayer, Reach};
use channel_layers::{ChannelName, Error, ErrorKind, GroupName, Message, Result};
use tokio::sync::mpsc;
use tokio::task::yield_now;

/// How many messages may be under way. No case sends so many.
const MOST: usize = 100_000;

/// What travels between instances.
#[derive(Clone, Debug)]
enum Parcel {
    Direct(ChannelName, Message),
    Group(GroupName, Message),
}

/// One instance's receiving ends: one for direct messages, one for those of groups.
type Ways = [mpsc::Sender<Parcel>; 2];

/// The server.
#[derive(Debug, Default)]
struct Wire {
    instances: Mutex<Vec<Ways>>,
    under_way: AtomicUsize,
}

#[derive(Clone, Debug)]
pub(crate) struct Distant(Arc<Instance>);

#[derive(Debug)]
struct Instance {
    wire: Arc<Wire>,
    settings: Settings,
    local: MemoryLayer,
    own: Mutex<HashSet<ChannelName>>,
    /// How many receivers wait on each general channel.
    waiting: Mutex<HashMap<ChannelName, usize>>,
}

/// A receiver that waits.
struct Waits<'a>(&'a Instance, ChannelName);

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        *self.0.waiting.lock().unwrap().get_mut(&self.1).unwrap() -= 1;
    }
}

impl Distant {
    fn connect(wire: Arc<Wire>, settings: Settings) -> Self {
        let local = MemoryLayer::new(super::super::config(settings.clone()));
        let (own, waiting) = (Mutex::default(), Mutex::default());
        let instance = Arc::new(Instance { wire, settings, local, own, waiting });
        let way = || {
            let (sender, mut parcels) = mpsc::channel(MOST);
            let instance = Arc::downgrade(&instance);
            tokio::spawn(async move {
                while let Some(parcel) = parcels.recv().await {
                    for _ in 0..fastrand::usize(..4) {
                        yield_now().await;
                    }
                    let Some(instance) = instance.upgrade() else { return };
                    instance.arrive(parcel).await;
                    instance.wire.under_way.fetch_sub(1, Ordering::SeqCst);
                }
            });
            sender
        };
        instance.wire.instances.lock().unwrap().push([way(), way()]);
        Self(instance)
    }

    fn post(&self, parcel: &Parcel) {
        let way = usize::from(matches!(parcel, Parcel::Group(..)));
        for ways in self.0.wire.instances.lock().unwrap().iter() {
            self.0.wire.under_way.fetch_add(1, Ordering::SeqCst);
            match ways[way].try_send(parcel.clone()) {
                Ok(()) => {}
                Err(mpsc::error::TrySendError::Full(_)) => panic!("more than {MOST} messages are under way"),
                // An instance that is gone receives nothing.
                Err(mpsc::error::TrySendError::Closed(_)) => drop(self.0.wire.under_way.fetch_sub(1, Ordering::SeqCst)),
            }
        }
    }

    fn check(&self, channel: &ChannelName) -> Result<()> {
        if !channel.is_local() || self.0.own.lock().unwrap().contains(channel) {
            return Ok(());
        }
        Err(Error::new(ErrorKind::InvalidName, format!("channel {channel} belongs to another process")))
    }

    /// Fails where the layer is closed, or the message too large.
    async fn check_message(&self, message: &Message) -> Result<()> {
        self.0.local.group_send(&GroupName::new("nobody")?, message.clone()).await
    }
}

impl Instance {
    /// Delivers in this instance. What does not fit is dropped.
    async fn arrive(&self, parcel: Parcel) {
        match parcel {
            Parcel::Group(group, message) => drop(self.local.group_send(&group, message).await),
            // A mailbox is told of what it misses if it comes by a group.
            Parcel::Direct(channel, message) if self.own.lock().unwrap().contains(&channel) => {
                drop(self.local.group_send(&alone(&channel), message).await);
            }
            Parcel::Direct(channel, message) => {
                let waits = self.waiting.lock().unwrap().get(&channel).is_some_and(|waiting| *waiting > 0);
                if waits {
                    drop(self.local.send(&channel, message).await);
                }
            }
        }
    }

    async fn adopt(&self, channel: &ChannelName) -> Result<()> {
        self.own.lock().unwrap().insert(channel.clone());
        self.local.group_add(&alone(channel), channel).await
    }
}

/// The group that one channel is alone in.
fn alone(channel: &ChannelName) -> GroupName {
    GroupName::new(channel.as_str().replace('!', "-")).unwrap()
}

impl ChannelLayer for Distant {
    async fn send(&self, channel: &ChannelName, message: Message) -> Result<()> {
        self.check_message(&message).await?;
        self.post(&Parcel::Direct(channel.clone(), message));
        Ok(())
    }

    async fn receive(&self, channel: &ChannelName) -> Result<Message> {
        self.check(channel)?;
        *self.0.waiting.lock().unwrap().entry(channel.clone()).or_default() += 1;
        let _waits = Waits(&self.0, channel.clone());
        self.0.local.receive(channel).await
    }

    async fn new_channel(&self, prefix: &str) -> Result<ChannelName> {
        let channel = self.0.local.new_channel(prefix).await?;
        self.0.adopt(&channel).await?;
        Ok(channel)
    }

    async fn mailbox(&self, prefix: &str, options: MailboxOptions) -> Result<Mailbox> {
        let mailbox = self.0.local.mailbox(prefix, options).await?;
        self.0.adopt(mailbox.channel()).await?;
        Ok(mailbox)
    }

    async fn group_add(&self, group: &GroupName, channel: &ChannelName) -> Result<()> {
        self.check(channel)?;
        self.0.local.group_add(group, channel).await
    }

    async fn group_discard(&self, group: &GroupName, channel: &ChannelName) -> Result<()> {
        self.0.local.group_discard(group, channel).await
    }

    async fn group_send(&self, group: &GroupName, message: Message) -> Result<()> {
        self.check_message(&message).await?;
        self.post(&Parcel::Group(group.clone(), message));
        Ok(())
    }

    async fn flush(&self) -> Result<()> {
        self.0.local.flush().await?;
        let own = self.0.own.lock().unwrap().clone();
        for channel in &own {
            self.0.adopt(channel).await?;
        }
        Ok(())
    }

    async fn close(&self) -> Result<()> {
        self.0.local.close().await
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = self.0.local.capabilities();
        capabilities.name = "distant";
        capabilities.reach = Reach::Processes;
        capabilities.keeps_messages = false;
        capabilities.refuses_when_full = false;
        capabilities.mailboxes_refuse = false;
        capabilities.work_queues = false;
        capabilities.ordered_general = false;
        capabilities.ordered_ways = false;
        capabilities.foreign_members = false;
        capabilities.total_order = false;
        capabilities
    }

    fn events(&self) -> LayerEvents {
        self.0.local.events()
    }
}

/// Makes them, each on a server of its own.
pub(crate) struct OnAServer;

impl Factory for OnAServer {
    type Layer = Distant;

    async fn layer(&self, settings: Settings) -> Distant {
        Distant::connect(Arc::default(), settings)
    }

    fn held(&self, _: &Distant) -> Option<usize> {
        None
    }

    async fn peer(&self, layer: &Distant) -> Option<Distant> {
        Some(Distant::connect(Arc::clone(&layer.0.wire), layer.0.settings.clone()))
    }

    async fn settle(&self, layer: &Distant) {
        let mut quiet = 0;
        while quiet < 50 {
            yield_now().await;
            quiet = if layer.0.wire.under_way.load(Ordering::SeqCst) == 0 { quiet + 1 } else { 0 };
        }
    }

    fn rounds(&self) -> usize {
        50
    }
}
