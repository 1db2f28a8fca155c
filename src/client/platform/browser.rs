//! The client in a browser, a worker, or a JavaScript server: gloo-net and web-sys.
//!
//! The `web_sys::WebSocket` is made here and kept for sending and closing; a clone of the handle goes to gloo-net,
//! which is good at receiving. Its own sending makes a `Blob` of each binary message, and dropping it does not tell a
//! close code. Its listeners are closures that must outlive the socket's last event where the host lacks a
//! `CloseEvent` constructor, so a socket is closed and then polled to its end, never dropped early.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use gloo_net::websocket::{Message as WsMessage, State as WsState, WebSocketError, futures::WebSocket as Receiver};
use gloo_timers::future::TimeoutFuture;
use wasm_bindgen::prelude::*;
use web_sys::{Event, EventTarget, WebSocket};

use super::{MAX_UNSENT, SocketEvent};
use crate::Result;
use crate::protocol::Encoding;

/// RFC 6455's code for a connection that ended without a close frame.
const ABNORMAL: u16 = 1006;

/// The socket and its receiving side, or why there is none.
type Parts = Result<(WebSocket, Option<Receiver>), String>;

pub(crate) struct Socket {
    parts: Parts,
    encoding: Encoding,
    opened: bool,
    /// What the close event says, until the stream ends with it.
    ended: Option<(u16, String)>,
}

impl Socket {
    pub(crate) fn open(url: &str, encoding: Encoding) -> Self {
        let socket = WebSocket::new_with_str(url, encoding.spoken().subprotocol());
        let parts = socket.map(|socket| (socket, None)).map_err(|error| text(&error));
        Self { parts, encoding, opened: false, ended: None }
    }

    pub(crate) fn send(&mut self, frame: &Bytes) {
        let Ok((socket, _)) = &self.parts else { return };
        // A socket that is closed already says so by its event.
        let _ = match self.encoding.spoken() {
            // JSON that this crate has written is UTF-8.
            Encoding::Json => socket.send_with_str(std::str::from_utf8(frame).unwrap_or_default()),
            Encoding::Msgpack => socket.send_with_u8_array(frame),
        };
        if socket.buffered_amount() as usize > MAX_UNSENT {
            let _ = socket.close();
        }
    }

    pub(crate) fn close(&mut self, code: u16, reason: &'static str) {
        if let Ok((socket, _)) = &self.parts {
            let _ = socket.close_with_code_and_reason(code, reason);
        }
    }

    pub(crate) fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<SocketEvent> {
        let receiver = match receiver(&mut self.parts) {
            Ok(receiver) => receiver,
            Err(reason) => return Poll::Ready(SocketEvent::Closed { code: ABNORMAL, reason }),
        };
        if !self.opened {
            // Ready once it is no longer connecting.
            if receiver.poll_ready_unpin(cx).is_pending() {
                return Poll::Pending;
            }
            self.opened = true;
            if matches!(receiver.state(), WsState::Open) {
                return Poll::Ready(SocketEvent::Opened);
            }
        }
        loop {
            return Poll::Ready(match receiver.poll_next_unpin(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(Ok(WsMessage::Text(text)))) => SocketEvent::Frame(text.into()),
                Poll::Ready(Some(Ok(WsMessage::Bytes(bytes)))) => SocketEvent::Frame(bytes.into()),
                Poll::Ready(Some(Err(WebSocketError::ConnectionClose(event)))) => {
                    self.ended = Some((event.code, event.reason));
                    continue;
                }
                // A close event follows an error event.
                Poll::Ready(Some(Err(_))) => continue,
                Poll::Ready(None) => {
                    let (code, reason) = self.ended.take().unwrap_or((ABNORMAL, String::new()));
                    SocketEvent::Closed { code, reason }
                }
            });
        }
    }
}

/// The receiving side, made when the first event is asked for: who listens to the socket before that hears of each
/// message first, and may keep it.
fn receiver(parts: &mut Parts) -> Result<&mut Receiver, String> {
    match parts {
        Ok((_, Some(receiver))) => Ok(receiver),
        // It fails where listeners cannot be added, and then says nothing that helps.
        Ok((socket, none)) => match Receiver::try_from(socket.clone()) {
            Ok(receiver) => Ok(none.insert(receiver)),
            Err(_) => Err("not a WebSocket".into()),
        },
        Err(error) => Err(std::mem::take(error)),
    }
}

/// The socket as JavaScript knows it; `undefined` where there is none.
impl From<&Socket> for JsValue {
    fn from(socket: &Socket) -> Self {
        socket.parts.as_ref().map_or(JsValue::UNDEFINED, |(socket, _)| socket.into())
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket").finish_non_exhaustive()
    }
}

/// What a JavaScript exception says.
fn text(error: &JsValue) -> String {
    get(error, "message").as_string().unwrap_or_default()
}

pub(crate) type Sleep = TimeoutFuture;

pub(crate) fn sleep(time: Duration) -> Sleep {
    // `setTimeout` takes a signed 32-bit number, and may round down.
    let millis = u32::try_from(time.as_millis()).unwrap_or(u32::MAX).min(i32::MAX.unsigned_abs() - 1);
    TimeoutFuture::new(millis + 1)
}

/// Wall time that never runs backwards. Unlike the performance clock it goes on while the machine sleeps, which is
/// when a connection dies without a sign.
#[derive(Debug)]
pub(crate) struct Clock {
    wall: f64,
    passed: f64,
}

impl Clock {
    pub(crate) fn new() -> Self {
        Self { wall: js_sys::Date::now(), passed: 0.0 }
    }

    pub(crate) fn now(&mut self) -> Duration {
        let wall = js_sys::Date::now();
        self.passed += (wall - self.wall).max(0.0);
        self.wall = wall;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "whole milliseconds, never negative"
        )]
        Duration::from_millis(self.passed as u64)
    }
}

/// The lifecycle events of PROTOCOL.md, "Reconnecting". Hosts without a window or document have fewer of them or none.
pub(crate) struct Hints {
    fired: Rc<Fired>,
    listener: Closure<dyn FnMut(Event)>,
    targets: Vec<(EventTarget, &'static str)>,
}

#[derive(Default)]
struct Fired {
    fired: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Hints {
    pub(crate) fn new() -> Self {
        let fired = Rc::new(Fired::default());
        let listener = {
            let fired = Rc::clone(&fired);
            Closure::new(move |event: Event| {
                if is_hint(&event) {
                    fired.fired.set(true);
                    if let Some(waker) = fired.waker.take() {
                        waker.wake();
                    }
                }
            })
        };
        let global = JsValue::from(js_sys::global());
        let document = get(&global, "document");
        let mut targets = Vec::new();
        let wanted =
            [(&global, "online"), (&global, "pageshow"), (&document, "visibilitychange"), (&document, "resume")];
        for (target, event) in wanted {
            if get(target, "addEventListener").is_function() {
                let target = target.clone().unchecked_into::<EventTarget>();
                if target.add_event_listener_with_callback(event, listener.as_ref().unchecked_ref()).is_ok() {
                    targets.push((target, event));
                }
            }
        }
        Self { fired, listener, targets }
    }

    pub(crate) fn poll_hint(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.fired.fired.take() {
            return Poll::Ready(());
        }
        *self.fired.waker.borrow_mut() = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Hints {
    fn drop(&mut self) {
        for (target, event) in &self.targets {
            let _ = target.remove_event_listener_with_callback(event, self.listener.as_ref().unchecked_ref());
        }
    }
}

impl fmt::Debug for Hints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hints").finish_non_exhaustive()
    }
}

/// Whether an event says that things may be better now: not a page that is hidden, nor one that was just loaded.
fn is_hint(event: &Event) -> bool {
    match event.type_().as_str() {
        "pageshow" => get(event, "persisted").is_truthy(),
        "visibilitychange" => event
            .target()
            .is_some_and(|document| get(&document, "visibilityState").as_string().as_deref() == Some("visible")),
        _ => true,
    }
}

/// A property, or `undefined` where there is none or nothing to have it.
fn get(object: &JsValue, name: &str) -> JsValue {
    js_sys::Reflect::get(object, &name.into()).unwrap_or_default()
}

pub(crate) fn spawn(future: impl Future<Output = ()> + 'static) -> Result<()> {
    wasm_bindgen_futures::spawn_local(future);
    Ok(())
}

pub(crate) fn random() -> u64 {
    (js_sys::Math::random() * f64::from(u32::MAX)).to_bits()
}

pub(crate) fn check(_: &str) -> Result<()> {
    Ok(())
}

pub(crate) type TokenFuture = Pin<Box<dyn Future<Output = Result<String>>>>;

/// Asks the application for a token, each time that one is needed. On servers the function and its future must be
/// `Send`, in browsers they need not be.
#[derive(Clone)]
pub struct TokenProvider(Rc<dyn Fn() -> TokenFuture>);

impl TokenProvider {
    /// Asks with this function. An error of the kind [`ErrorKind::Refused`](crate::ErrorKind::Refused) with
    /// [`ErrorCode::UNAUTHORIZED`](crate::protocol::ErrorCode::UNAUTHORIZED) ends the client; after any other one it
    /// is called again later.
    pub fn new<F, T>(ask: F) -> Self
    where
        F: Fn() -> T + 'static,
        T: Future<Output = Result<String>> + 'static,
    {
        Self(Rc::new(move || Box::pin(ask())))
    }

    pub(crate) fn ask(&self) -> TokenFuture {
        (self.0)()
    }
}
