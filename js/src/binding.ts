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
  channel(): string | undefined;
  user(): string | undefined;
  close(): void;
  free(): void;
}

export interface Handler {
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
  version(): string;
}
