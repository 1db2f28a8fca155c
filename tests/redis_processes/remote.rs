//! A layer that is in another process, used from here. Whoever holds it holds that process.
//!
//! Every request has a number; whoever waits for its answer holds an [`Asked`], and one that is dropped drops the verb
//! over there as well. No message is lost on the way: one that comes for a receiver that has gone meanwhile waits here
//! for the next one, in its place.

use std::collections::{HashMap, VecDeque};
use std::env;
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard};

use channel_layers::layer::{
    Capabilities, ChannelLayer, EventSender, LayerEvent, LayerEvents, Mailbox, MailboxOptions, MailboxSender,
};
use channel_layers::{ChannelName, GroupName, Message, Result};
use rig::{Process, within};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::TcpListener;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc::{Receiver, Sender};
use tokio::sync::oneshot;

use super::other;
use super::wire::{self, Reply, Request, Verb};

#[derive(Clone)]
pub(crate) struct Remote {
    link: Arc<Link>,
    process: Arc<Process>,
    capabilities: Capabilities,
}

/// The connection to the other process.
struct Link {
    requests: Sender<Request>,
    events: EventSender,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    next: u64,
    /// Who waits for an answer.
    asked: HashMap<u64, oneshot::Sender<Result<Answer>>>,
    channels: HashMap<ChannelName, Channel>,
}

enum Answer {
    Done(Option<ChannelName>),
    Message(Message),
}

/// A channel whose messages come here.
#[derive(Default)]
struct Channel {
    /// The receivers, in their turn. Those that have gone are in [`State::asked`] no more.
    receivers: VecDeque<u64>,
    /// What comes while there is no receiver goes here.
    mailbox: Option<MailboxSender>,
    /// Or waits, where there is no mailbox either.
    waiting: VecDeque<Message>,
}

/// A request under way.
struct Asked {
    link: Arc<Link>,
    id: u64,
    answer: oneshot::Receiver<Result<Answer>>,
    /// The channel that it is to receive on, if it is a receiver's.
    channel: Option<ChannelName>,
    /// Nothing is left of it over there, or somebody else takes care of that.
    over: bool,
}

impl Remote {
    /// Starts a process with a layer of these settings, which has these capabilities.
    pub(crate) async fn start(settings: &str, capabilities: Capabilities) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(other::ARGUMENTS).env("CHANNEL_LAYERS", settings);
        command.env(wire::ADDRESS, listener.local_addr().unwrap().to_string());
        let process = Arc::new(Process::start(&mut command));
        let opened = within("the other process opens its layer", async {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            let (replies, requests) = stream.into_split();
            let mut replies = BufReader::new(replies).lines();
            let first = replies.next_line().await.unwrap();
            (first, replies, requests)
        });
        let (first, replies, writer) = opened.await;
        match first.as_deref().map(wire::read) {
            Some(Reply::Open(words)) => assert_eq!(words, wire::words(&capabilities), "the layer is another one"),
            first => panic!("the other process opens no layer: {first:?}\n{}", process.output()),
        }
        let (requests, asked_for) = wire::outbox();
        let link = Arc::new(Link { requests, events: EventSender::new(), state: Mutex::default() });
        tokio::spawn(Arc::clone(&link).run(replies, writer, asked_for));
        Self { link, process, capabilities }
    }

    /// Has a verb done. Returns the request's number, and the name that the verb made.
    async fn ask(&self, verb: Verb) -> Result<(u64, Option<ChannelName>)> {
        let mut asked = self.link.ask(verb, None);
        let answer = self.answer(&mut asked).await;
        asked.over = true;
        match answer? {
            Answer::Done(name) => Ok((asked.id, name)),
            Answer::Message(_) => panic!("only receivers get messages"),
        }
    }

    async fn answer(&self, asked: &mut Asked) -> Result<Answer> {
        let answer = (&mut asked.answer).await;
        answer.unwrap_or_else(|_| panic!("the other process has ended: {}", self.process.output()))
    }
}

impl Link {
    /// Carries what goes to and fro until the other process ends.
    async fn run(
        self: Arc<Self>,
        mut replies: Lines<BufReader<OwnedReadHalf>>,
        mut writer: OwnedWriteHalf,
        mut requests: Receiver<Request>,
    ) {
        let reading = async {
            while let Ok(Some(line)) = replies.next_line().await {
                self.hear(wire::read(&line));
            }
        };
        let writing = async {
            while let Some(request) = requests.recv().await {
                if writer.write_all(wire::line(&request).as_bytes()).await.is_err() {
                    return;
                }
            }
        };
        tokio::select! {
            () = reading => {}
            () = writing => {}
        }
        // Whoever waits learns it, and so does whoever asks later.
        drop(requests);
        self.state().asked.clear();
    }

    fn hear(&self, reply: Reply) {
        match reply {
            Reply::Done(id, name) => self.state().answer(id, Ok(Answer::Done(name))),
            Reply::Failed(id, kind, text) => self.state().answer(id, Err(wire::error(&kind, text))),
            Reply::Received(id, channel, text) => {
                let (message, mut state) = (wire::message(text), self.state());
                match state.asked.contains_key(&id) {
                    true => state.answer(id, Ok(Answer::Message(message))),
                    false => state.arrive(channel, message, VecDeque::push_back),
                }
            }
            Reply::Flushed => self.events.send(LayerEvent::Flushed),
            Reply::Ended => self.events.close(),
            Reply::Open(_) => panic!("it is open already"),
        }
    }

    /// Asks for a verb, or to receive on a channel.
    fn ask(self: &Arc<Self>, verb: Verb, channel: Option<ChannelName>) -> Asked {
        let (sender, answer) = oneshot::channel();
        let mut state = self.state();
        state.next += 1;
        let id = state.next;
        state.asked.insert(id, sender);
        if let Some(channel) = &channel {
            let own = state.channels.entry(channel.clone()).or_default();
            own.receivers.push_back(id);
            if let Some(message) = own.waiting.pop_front() {
                state.arrive(channel.clone(), message, VecDeque::push_front);
            }
        }
        if !wire::put(&self.requests, Request::Do(id, verb)) {
            state.asked.remove(&id);
        }
        drop(state);
        Asked { link: Arc::clone(self), id, answer, channel, over: false }
    }

    /// Has the other process forget a request.
    fn forget(&self, id: u64) {
        // If it has ended, it has.
        wire::put(&self.requests, Request::Drop(id));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

impl State {
    /// Answers a request, if anybody still waits for it.
    fn answer(&mut self, id: u64, answer: Result<Answer>) {
        if let Some(asked) = self.asked.remove(&id) {
            assert!(asked.send(answer).is_ok(), "who goes is in `asked` no more");
        }
    }

    /// Takes a message whose receiver has gone, or that is a mailbox's: the receiver gets it whose turn it is, or the
    /// mailbox, or it waits before or behind others.
    fn arrive(&mut self, channel: ChannelName, message: Message, wait: fn(&mut VecDeque<Message>, Message)) {
        let own = self.channels.entry(channel).or_default();
        while let Some(receiver) = own.receivers.pop_front() {
            if self.asked.contains_key(&receiver) {
                return self.answer(receiver, Ok(Answer::Message(message)));
            }
        }
        match &own.mailbox {
            Some(mailbox) => drop(mailbox.group_send(message)),
            None => wait(&mut own.waiting, message),
        }
    }

    /// Drops what waits here.
    fn clear(&mut self) {
        for channel in self.channels.values_mut() {
            channel.waiting.clear();
            channel.mailbox.iter().for_each(MailboxSender::clear);
        }
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        let mut state = self.link.state();
        state.asked.remove(&self.id);
        if let (Some(channel), Ok(Ok(Answer::Message(message)))) = (self.channel.take(), self.answer.try_recv()) {
            state.arrive(channel, message, VecDeque::push_front);
        }
        drop(state);
        if !self.over {
            self.link.forget(self.id);
        }
    }
}

impl ChannelLayer for Remote {
    async fn send(&self, channel: &ChannelName, message: Message) -> Result<()> {
        self.ask(Verb::Send(channel.clone(), wire::text(&message))).await.map(drop)
    }

    async fn receive(&self, channel: &ChannelName) -> Result<Message> {
        // It is forgotten in any case: what is received may be what another receiver left, and this one waits over there.
        let mut asked = self.link.ask(Verb::Receive(channel.clone()), Some(channel.clone()));
        match self.answer(&mut asked).await? {
            Answer::Message(message) => Ok(message),
            Answer::Done(_) => panic!("a receiver is done with a message"),
        }
    }

    async fn new_channel(&self, prefix: &str) -> Result<ChannelName> {
        let (_, name) = self.ask(Verb::NewChannel(prefix.to_owned())).await?;
        Ok(name.expect("a name was asked for"))
    }

    async fn mailbox(&self, prefix: &str, options: MailboxOptions) -> Result<Mailbox> {
        let (id, name) = self.ask(Verb::Mailbox(prefix.to_owned())).await?;
        let name = name.expect("a mailbox was asked for");
        let (link, own) = (Arc::clone(&self.link), name.clone());
        let (sender, mailbox) = Mailbox::pair(name.clone(), &options, move || {
            link.state().channels.remove(&own);
            link.forget(id);
        });
        let mut state = self.link.state();
        let channel = state.channels.entry(name).or_default();
        for message in channel.waiting.drain(..) {
            sender.group_send(message);
        }
        channel.mailbox = Some(sender);
        drop(state);
        Ok(mailbox)
    }

    async fn group_add(&self, group: &GroupName, channel: &ChannelName) -> Result<()> {
        self.ask(Verb::GroupAdd(group.clone(), channel.clone())).await.map(drop)
    }

    async fn group_discard(&self, group: &GroupName, channel: &ChannelName) -> Result<()> {
        self.ask(Verb::GroupDiscard(group.clone(), channel.clone())).await.map(drop)
    }

    async fn group_send(&self, group: &GroupName, message: Message) -> Result<()> {
        self.ask(Verb::GroupSend(group.clone(), wire::text(&message))).await.map(drop)
    }

    async fn flush(&self) -> Result<()> {
        self.ask(Verb::Flush).await?;
        self.link.state().clear();
        Ok(())
    }

    async fn close(&self) -> Result<()> {
        self.ask(Verb::Close).await?;
        let mut state = self.link.state();
        state.clear();
        let mailboxes = state.channels.values().filter_map(|channel| channel.mailbox.as_ref());
        mailboxes.for_each(MailboxSender::close);
        Ok(())
    }

    fn capabilities(&self) -> Capabilities {
        self.capabilities.clone()
    }

    fn events(&self) -> LayerEvents {
        self.link.events.listen()
    }
}
