/**
 * The short way for messages: from the socket's event to the application without crossing into the module.
 *
 * The module says how the frame of a message begins for each handle, and how many may be delivered from this moment.
 * What stands here is a comparison of texts: where the part before the second brace is such a beginning and the rest is
 * one JSON value and a brace, the frame is that message and nothing else. Any other frame goes on to the module, as all
 * do that come behind one that it has not dealt with yet.
 */

import type { Core } from './binding.js';
import { decode } from './codec.js';
import type { Sink } from './connection.js';

/** How a frame begins, and whose messages begin so. */
interface Way {
  readonly head: string | undefined;
  readonly handle: number;
}

export class Shortcut {
  readonly #ways = new Map<string | undefined, Way>();
  readonly #sink: Pick<Sink, 'message'>;
  #socket: EventTarget | undefined;
  #last: Way | undefined;
  /** How many messages may be delivered before the module is asked again. */
  #passes = 0;

  constructor(sink: Pick<Sink, 'message'>) {
    this.#sink = sink;
  }

  /** Messages for this handle come in frames that begin with `head`. */
  expect(handle: number, head: string | undefined): void {
    this.forget(handle);
    this.#ways.set(head, { head, handle });
  }

  forget(handle: number): void {
    this.#last = undefined;
    for (const way of this.#ways.values()) if (way.handle === handle) this.#ways.delete(way.head);
  }

  /** The module must be asked about the next message. */
  ask(): void {
    this.#passes = 0;
  }

  /** Hears of each message before the module does, and keeps from it what it delivers itself. */
  listen(socket?: EventTarget, core?: Core): void {
    this.#socket = socket;
    let earlier = 0;
    socket?.addEventListener('message', (event) => {
      if (this.#socket !== socket || this.#take(event as MessageEvent, core, earlier)) return;
      earlier += 1;
      this.ask();
    });
  }

  #take(event: MessageEvent, core: Core | undefined, earlier: number): boolean {
    const text: unknown = event.data;
    // Some sockets that are not a browser's have simpler events, which cannot be kept from another listener.
    if (typeof text !== 'string' || !text.endsWith('}}') || !event.stopImmediatePropagation) return false;
    const at = text.indexOf('{', 1);
    const head = text.slice(0, at);
    // Messages for one group tend to come in a row, and to compare a text takes a fifth of looking it up.
    if (this.#last?.head !== head) this.#last = this.#ways.get(head);
    const way = this.#last;
    if (!way || (this.#passes ||= core?.pass(earlier) ?? 0) === 0) return false;
    let message;
    try {
      message = decode(text.slice(at, -1));
    } catch {
      return false;
    }
    event.stopImmediatePropagation();
    this.#passes -= 1;
    this.#sink.message(way.handle, message);
    return true;
  }
}
