/**
 * What the wasm module exports, and what it calls. Written by hand on both sides: `src/wasm/` is the other one.
 *
 * Every call into `Core` returns before the answer to it is reported, and the module calls a handler only when none of
 * its own state is in use. So handlers may call `Core` again, from whatever the application does in a callback.
 */

export interface CoreOptions {
  readonly token?: boolean;
  readonly timeout_ms?: number;
  readonly queue_messages?: number;
  readonly queue_bytes?: number;
  readonly client?: string;
}

export interface Core {
  open_group(group: string): number;
  join(handle: number): number;
  leave(handle: number): number;
  group_send(group: string, json: string): number;
  send(channel: string, json: string): number;
  cancel(id: number): void;
  /**
   * How many frames that begin with a `message_head`, with nothing but `}` behind the message, may be delivered without asking again; `earlier` is how
   * many others of their socket came to the module. The next of those, a change of the state and `close` end that.
   */
  pass(earlier: number): number;
  channel(): string | undefined;
  user(): string | undefined;
  close(): void;
  free(): void;
}

export interface Handler {
  /** A socket is about to open, and the module does not listen to it yet. */
  socket(socket: EventTarget | undefined): void;
  state(state: number, code: number, reason: string, retryInMs: number): void;
  reply(id: number, code: number, name: string, reason: string, temporary: boolean, retryAfterMs: number): void;
  message(handle: number, json: string): void;
  group(handle: number, state: number, code: number, reason: string, recovered: boolean): void;
  token(): Promise<string>;
}

export interface Binding {
  readonly Core: new (url: string, handler: Handler, options: CoreOptions) => Core;
  /** The name of a code of any kind, or `unknown`. */
  code_name(code: number): string;
  /** Whether a code says that trying again can succeed. */
  is_temporary(code: number): boolean;
  /** How a frame begins that holds a message for a group, up to the message; or for a channel, where `name` is one. */
  message_head(name: string, channel: boolean): string;
}
