/** The shapes that an application declares and gets. */

/// <reference lib="esnext.disposable" preserve="true" />

/**
 * The messages of an application: the fields of each, by its `type`.
 *
 * ```ts
 * type App = { 'chat.message': { text: string; sender?: string } };
 * const client = connect<App>('/ws');
 * ```
 */
export type Messages<M> = { [K in keyof M]: object };

/** What an application that declares nothing sends and gets. */
export type AnyMessages = Record<string, Record<string, unknown>>;

/** A message of type `K`, or the union of all of them, told apart by `type`. */
export type MessageOf<M, K extends keyof M & string = keyof M & string> = K extends K ? { type: K } & M[K] : never;

/** What every wait takes. */
export interface WaitOptions {
  /** Ends the wait: it rejects with the signal's reason, and a request that has not been sent is not sent. */
  signal?: AbortSignal | undefined;
}

/** Settings of a connection. */
export interface ConnectOptions {
  /**
   * What the gateway's authorizer gets. A function is asked at each connection and each refresh; when it rejects with an
   * error whose `name` is `Unauthorized` the client stops, with any other it tries again. Default: none.
   */
  token?: string | (() => string | Promise<string>) | undefined;
  /** How long a request waits for its answer, in milliseconds. Default: 5000. Longer hides a dead network for longer. */
  timeout?: number | undefined;
  /** How many requests may wait for a connection; one more is refused with `queue_full`. */
  queueMessages?: number | undefined;
  /** How many bytes of requests may wait for a connection; one more is refused with `queue_full`. */
  queueBytes?: number | undefined;
  /** How many messages an iteration over a group may lag behind before it ends with `lagged`. Default: 1024. */
  buffer?: number | undefined;
  /** The application's name and version for the gateway's log. Default: this package's. */
  client?: string | undefined;
  /** Closes the client when it is aborted. */
  signal?: AbortSignal | undefined;
}

/** A change of the connection. */
export type StateChange =
  /** There is none; `code` and `reason` say why the last one ended, `retryIn` when the next attempt starts, in milliseconds. */
  | { readonly state: 'connecting'; readonly code: number; readonly reason: string; readonly retryIn: number }
  /** There is one, and the groups are being joined again. */
  | { readonly state: 'connected' }
  /** There will be none: the application closed the client, or the gateway refused it for good. */
  | { readonly state: 'closed'; readonly code: number; readonly reason: string };

/** A change of a membership. */
export type Membership =
  /** Not a member at this moment; joins again by itself. Messages sent to the group meanwhile are not received. */
  | { readonly state: 'joining'; readonly code: number; readonly reason: string }
  /** A member. `recovered`: nothing was missed since the last time, because the gateway sent what was. */
  | { readonly state: 'joined'; readonly recovered: boolean }
  /** Removed for good by the gateway, or never let in. */
  | { readonly state: 'discarded'; readonly code: number; readonly reason: string }
  /** This handle was left with `leave()`, or the client was closed. */
  | { readonly state: 'left' };

/** Where the wasm module's code comes from. A URL is fetched. */
export type WasmSource = WebAssembly.Module | BufferSource | Response | URL | string;
