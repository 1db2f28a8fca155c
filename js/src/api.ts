/** What every entry of the package exports. `entry.ts` makes the two functions. */

import type { Client } from './client.js';
import type { AnyMessages, ConnectOptions, Messages, WasmSource } from './types.js';

export type { Client, ClientEvents } from './client.js';
export { ChannelLayersError } from './errors.js';
export type { Unsubscribe } from './events.js';
export type { Group } from './group.js';
export type {
  AnyMessages, ConnectOptions, Membership, MessageOf, Messages, StateChange, WaitOptions, WasmSource,
} from './types.js';

/**
 * Opens a client of the gateway at `url`, such as `/ws`, `https://example.org/ws` or `ws://127.0.0.1:8000/ws`; a relative one
 * is taken from the page's address. It returns at once and connects in the background, for as long as it takes.
 *
 * Throws a `ChannelLayersError` when `url` is not a URL.
 */
export type Connect = <M extends Messages<M> = AnyMessages>(url: string | URL, options?: ConnectOptions) => Client<M>;

/** Loads the wasm module before it is needed, or from elsewhere. What counts is the first call or connection. */
export type Init = (source?: WasmSource | PromiseLike<WasmSource>) => Promise<void>;
