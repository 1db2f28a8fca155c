//! `Core`: a client as JavaScript holds it.
//!
//! Every method is one call of the session. The handler is called by the driver, in a task of its own and outside all
//! locks, so it may call any method, `free` included.

use std::time::Duration;

use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use super::convert;
use crate::client::driver::{self, Handle, Listener};
use crate::client::platform::{self, Socket, TokenFuture};
use crate::client::session::{Event, Failure, GroupId, GroupState, RequestId, Session, State};
use crate::{ChannelName, Error, GroupName, Message};

#[wasm_bindgen]
extern "C" {
    /// What the facade gives to be called.
    pub type Handler;

    #[wasm_bindgen(method, catch)]
    fn state(this: &Handler, state: u8, code: u16, reason: &str, retry_in_ms: f64) -> Result<(), JsValue>;
    #[wasm_bindgen(method, catch)]
    fn reply(
        this: &Handler,
        id: u32,
        code: u16,
        name: &str,
        reason: &str,
        temporary: bool,
        retry_after_ms: f64,
    ) -> Result<(), JsValue>;
    #[wasm_bindgen(method, catch)]
    fn socket(this: &Handler, socket: JsValue) -> Result<(), JsValue>;
    #[wasm_bindgen(method, catch)]
    fn message(this: &Handler, handle: u32, json: &str) -> Result<(), JsValue>;
    #[wasm_bindgen(method, catch)]
    fn group(this: &Handler, handle: u32, state: u8, code: u16, reason: &str, recovered: bool) -> Result<(), JsValue>;
    #[wasm_bindgen(method, catch)]
    fn token(this: &Handler) -> Result<js_sys::Promise, JsValue>;
}

/// A client. Freeing it closes it.
#[derive(Debug)]
#[wasm_bindgen]
pub struct Core {
    handle: Handle,
}

#[wasm_bindgen]
impl Core {
    /// Begins to connect to `url`; `handler` learns how it goes, later. The facade has checked the address with the
    /// host's own `URL`, which spares the module a parser.
    #[wasm_bindgen(constructor)]
    pub fn new(url: String, handler: Handler, options: &JsValue) -> Result<Core, JsValue> {
        let start = || {
            let (handle, driver) = driver::start(url, convert::options(options)?, Forward(handler));
            platform::spawn(driver)?;
            Ok(Core { handle })
        };
        start().map_err(|error| convert::thrown(&error))
    }

    /// Wants to be in a group from now on, and gives its handle. A name that is open already gives the same handle, and
    /// counts.
    pub fn open_group(&self, group: &str) -> Result<u32, JsValue> {
        let group = name(GroupName::new(group))?;
        self.call(|session, now| session.open_group(&group, now)).map(|id| id.0)
    }

    /// Asks to be told when a group is joined. Gives the request's id, as all that follow.
    pub fn join(&self, handle: u32) -> Result<u32, JsValue> {
        self.request(|session, now| session.join(GroupId(handle), now))
    }

    /// Gives one count of a group back, and leaves it with the last one.
    pub fn leave(&self, handle: u32) -> Result<u32, JsValue> {
        self.request(|session, now| session.leave(GroupId(handle), now))
    }

    /// Sends a message, as JSON, to a group.
    pub fn group_send(&self, group: &str, json: String) -> Result<u32, JsValue> {
        let group = name(GroupName::new(group))?;
        self.request_with(json, &|session, message, now| session.group_send(&group, message, now))
    }

    /// Sends a message, as JSON, to a channel.
    pub fn send(&self, channel: &str, json: String) -> Result<u32, JsValue> {
        let channel = name(ChannelName::new(channel))?;
        self.request_with(json, &|session, message, now| session.send(&channel, message, now))
    }

    /// Forgets a request: no reply will come.
    pub fn cancel(&self, id: u32) {
        self.handle.with(|session, _| session.cancel(RequestId(id)));
    }

    /// How many frames that begin with a [`message_head`](super::message_head), with nothing but `}` behind the message,
    /// the facade may deliver by itself before it asks again. `earlier` is how many others of their socket came here.
    pub fn pass(&self, earlier: u32) -> u32 {
        self.handle.with_no_effect(|session, now| session.pass(earlier, now))
    }

    /// The connection's own channel, while there is one.
    pub fn channel(&self) -> Option<String> {
        self.handle.with(|session, _| session.channel().map(|channel| channel.as_str().into()))
    }

    /// Who the client is to the gateway, where it knows.
    pub fn user(&self) -> Option<String> {
        self.handle.with(|session, _| session.user().map(Into::into))
    }

    /// Ends the client. The handler gets what is outstanding, and one last state.
    pub fn close(&self) {
        self.handle.with(|session, _| session.close());
    }

    fn call<T>(&self, act: impl FnOnce(&mut Session, Duration) -> Result<T, Failure>) -> Result<T, JsValue> {
        self.handle.with(act).map_err(|failure| convert::failed(&failure))
    }

    fn request_with(&self, json: String, act: Send<'_>) -> Result<u32, JsValue> {
        let message = name(Message::from_json(json))?;
        self.request(|session, now| act(session, &message, now))
    }

    fn request(&self, act: impl FnOnce(&mut Session, Duration) -> Result<RequestId, Failure>) -> Result<u32, JsValue> {
        self.call(act).map(|id| id.0)
    }
}

/// A call of the session that sends a message.
type Send<'a> = &'a dyn Fn(&mut Session, &Message, Duration) -> Result<RequestId, Failure>;

fn name<T>(checked: Result<T, Error>) -> Result<T, JsValue> {
    checked.map_err(|error| convert::thrown(&error))
}

/// Tells JavaScript. What the handler throws is lost here: the facade reports errors of the application itself.
struct Forward(Handler);

impl Listener for Forward {
    fn opening(&mut self, socket: &Socket) {
        let _ = self.0.socket(socket.into());
    }

    fn event(&mut self, event: Event) {
        let handler = &self.0;
        let _ = match event {
            Event::State(State::Connecting { retry_in, code, reason, .. }) => {
                handler.state(0, code, &reason, millis(retry_in))
            }
            Event::State(State::Connected) => handler.state(1, 0, "", 0.0),
            Event::State(State::Closed { code, reason }) => handler.state(2, code, &reason, 0.0),
            Event::Reply { id, result: Ok(()) } => handler.reply(id.0, 0, "", "", false, 0.0),
            Event::Reply { id, result: Err(failure) } => {
                let (code, name) = convert::code(failure.kind);
                let wait = failure.retry_after.map_or(0.0, millis);
                handler.reply(id.0, code, name, &failure.reason, failure.temporary, wait)
            }
            Event::Group { group, state } => match state {
                GroupState::Joining { code, reason } => handler.group(group.0, 0, code, &reason, false),
                GroupState::Joined { recovered } => handler.group(group.0, 1, 0, "", recovered),
                GroupState::Discarded { code, reason } => handler.group(group.0, 2, code, &reason, false),
            },
            Event::Message { group, message } => {
                // A message was checked to be UTF-8 when it was made.
                let json = std::str::from_utf8(message.json()).unwrap_or_default();
                handler.message(group.map_or(0, |group| group.0), json)
            }
        };
    }

    fn token(&mut self) -> TokenFuture {
        let promise = self.0.token();
        Box::pin(async move {
            let token = JsFuture::from(promise.map_err(|e| convert::token_error(&e))?).await;
            token.map(|token| token.as_string().unwrap_or_default()).map_err(|e| convert::token_error(&e))
        })
    }
}

fn millis(time: Duration) -> f64 {
    u32::try_from(time.as_millis()).unwrap_or(u32::MAX).into()
}
