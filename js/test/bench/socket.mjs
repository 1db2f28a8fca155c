/**
 * A `WebSocket` without a network, for every library alike. What the far side says is up to the peer that is set first.
 *
 * Its events are plain objects unless `platform` is set: making and sending out an event of the platform's takes as
 * long as reading a small message, and would hide what the libraries themselves take.
 */

class PlainEvent {
  stopped = false;
  constructor(type, init) {
    this.type = type;
    Object.assign(this, init);
  }
  stopImmediatePropagation() {
    this.stopped = true;
  }
}

class PlainTarget {
  #listeners = {};
  addEventListener(type, listener) {
    this.#listeners[type] = [...(this.#listeners[type] ?? []), listener];
  }
  removeEventListener(type, listener) {
    this.#listeners[type] = this.#listeners[type]?.filter((other) => other !== listener);
  }
  dispatchEvent(event) {
    for (const listener of this.#listeners[event.type] ?? []) {
      listener.call(this, event);
      if (event.stopped) return;
    }
  }
}

const KINDS = ['open', 'message', 'error', 'close'];
const { platform } = globalThis.benchEvents ?? {};
const [Target, Event, MessageEvent] = platform
  ? [EventTarget, globalThis.Event, globalThis.MessageEvent]
  : [PlainTarget, PlainEvent, PlainEvent];

export class FakeSocket extends Target {
  static CONNECTING = 0;
  static OPEN = 1;
  static CLOSING = 2;
  static CLOSED = 3;

  /** `(socket, text)` for each frame that the library sends, and `(socket, undefined)` when it has connected. */
  static peer;
  static last;

  readyState = FakeSocket.CONNECTING;
  bufferedAmount = 0;
  binaryType = 'blob';
  extensions = '';
  #handlers = {};

  constructor(url, protocols = []) {
    super();
    this.url = String(url);
    this.protocol = [protocols].flat()[0] ?? '';
    this.peer = FakeSocket.peer;
    FakeSocket.last = this;
    setTimeout(() => {
      this.readyState = FakeSocket.OPEN;
      this.dispatchEvent(new Event('open'));
      this.peer(this, undefined);
    });
  }

  send(text) {
    setTimeout(() => this.peer(this, text));
  }

  /** The far side says something. */
  receive(text) {
    this.dispatchEvent(new MessageEvent('message', { data: text }));
  }

  close() {
    this.readyState = FakeSocket.CLOSED;
  }

  handler(kind, handler) {
    const { [kind]: old } = this.#handlers;
    if (old) this.removeEventListener(kind, old);
    this.#handlers[kind] = handler;
    if (handler) this.addEventListener(kind, handler);
  }
}

for (const kind of KINDS) {
  Object.defineProperty(FakeSocket.prototype, `on${kind}`, {
    set(handler) { this.handler(kind, handler); },
  });
}

// Some libraries take the global one, and look when they are imported: this file is imported before them.
globalThis.WebSocket = FakeSocket;
