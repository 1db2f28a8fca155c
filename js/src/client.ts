/**
 * The client: one connection, its groups and its own channel.
 *
 * It hands each message to those who asked for it, parsed once. Memberships are kept by the core's handle; several
 * `Group`s of one name share one.
 */

import type { Binding } from './binding.js';
import { encode } from './codec.js';
import { Connection } from './connection.js';
import { type ChannelLayersError, LOCAL, local } from './errors.js';
import { Listeners, type Unsubscribe } from './events.js';
import { Group, type Member, type Owner } from './group.js';
import type { AnyMessages, ConnectOptions, Membership, MessageOf, Messages, StateChange, WaitOptions } from './types.js';
import { wait } from './wait.js';

/** What `client.on` takes. */
export interface ClientEvents<M> {
  /** The connection changed. */
  state: StateChange;
  /** Something failed that nobody waits for: the connection ended for good, or a group was refused or taken away. */
  error: ChannelLayersError;
  /** A message for this connection's own channel. */
  message: MessageOf<M>;
}

interface Shared {
  readonly members: Set<Member>;
  change: Membership;
}

/** A client of the gateway, connecting in the background from the moment it is made, until it is closed. */
export class Client<M extends Messages<M> = AnyMessages> {
  readonly #connection: Connection;
  readonly #shared = new Map<number, Shared>();
  readonly #on: { readonly [E in keyof ClientEvents<M>]: Listeners<ClientEvents<M>[E]> };
  readonly #owner: Owner;
  #state: StateChange['state'] = 'connecting';
  #channel: string | undefined;
  #user: string | undefined;

  /** @internal */
  constructor(load: () => Promise<Binding>, url: string | URL, options: ConnectOptions) {
    this.#on = { state: new Listeners(), error: new Listeners(), message: new Listeners() };
    this.#connection = new Connection(load, resolve(url), options, {
      state: (change) => this.#change(change),
      message: (handle, message) => this.#deliver(handle, message),
      group: (handle, state, code, reason, recovered) =>
        this.#membership(handle, membership(state, code, reason, recovered)),
    });
    this.#owner = {
      connection: this.#connection,
      buffer: options.buffer ?? 1024,
      open: (member, handle) => this.#open(member, handle),
      drop: (member) => this.#drop(member),
      error: (error) => this.#error(error),
    };
    this.#closeWith(options.signal);
  }

  /** Whether there is a connection now. */
  get state(): StateChange['state'] {
    return this.#state;
  }

  /** The name of this connection's own channel; each new connection has another one. */
  get channel(): string | undefined {
    return this.#channel;
  }

  /** Who the gateway says is connected, where it says so. */
  get user(): string | undefined {
    return this.#user;
  }

  /** Waits for a connection. Rejects when there will be none; does not reject while one is being tried. */
  ready({ signal }: WaitOptions = {}): Promise<void> {
    return wait(signal, (settle) => {
      const check = () => {
        if (this.#connection.end) settle.reject(this.#connection.end);
        else if (this.#state === 'connected') settle.resolve();
        else return;
        off();
      };
      const off = this.#on.state.add(check);
      check();
      return off;
    });
  }

  /** Calls `listener` with each event of a kind. */
  on<E extends keyof ClientEvents<M>>(event: E, listener: (value: ClientEvents<M>[E]) => void): Unsubscribe {
    return this.#on[event].add(listener);
  }

  /**
   * A handle on a group, which is joined in the background and again after each reconnect (`group_add`). Leave it when it
   * is no longer needed. A refusal is told to `group.onState` or, where nobody listens, to `client.on('error')`.
   */
  group(name: string): Group<M> {
    return new Group<M>(this.#owner, name, false);
  }

  /** The same, once the gateway has let the client in. Rejects when it does not, and leaves nothing behind. */
  async join(name: string, options?: WaitOptions): Promise<Group<M>> {
    const group = new Group<M>(this.#owner, name, true);
    try {
      await group.ready(options);
      return group;
    } catch (error) {
      group.leave().catch(() => undefined);
      throw error;
    }
  }

  /** Sends a message to one channel (`send`). Resolves when the channel layer has accepted it. */
  async send(channel: string, message: MessageOf<M>, options?: WaitOptions): Promise<void> {
    const json = encode(message);
    await this.#connection.request((core) => core.send(channel, json), options);
  }

  /** Sends a message to every member of a group without becoming one (`group_send`). */
  async groupSend(group: string, message: MessageOf<M>, options?: WaitOptions): Promise<void> {
    const json = encode(message);
    await this.#connection.request((core) => core.group_send(group, json), options);
  }

  /** Ends the connection for good. What still waits rejects with `closed`. */
  close(): void {
    this.#connection.close();
  }

  /** Closes the client, at the end of a `using` block. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Closes the client, at the end of an `await using` block. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  #closeWith(signal: AbortSignal | undefined): void {
    const close = () => this.close();
    if (signal?.aborted) return close();
    signal?.addEventListener('abort', close, { once: true });
    this.#on.state.add(({ state }) => {
      if (state === 'closed') signal?.removeEventListener('abort', close);
    });
  }

  #change(change: StateChange): void {
    this.#state = change.state;
    this.#channel = this.#connection.channel;
    this.#user = this.#connection.user;
    this.#on.state.emit(change);
    const end = this.#connection.end;
    if (!end) return;
    const shared = [...this.#shared.values()];
    this.#shared.clear();
    for (const { members } of shared) for (const member of members) member.end(end);
    if (end.code !== LOCAL.closed.code) this.#error(end);
  }

  #deliver(handle: number, message: object): void {
    if (handle === 0) this.#on.message.emit(message as MessageOf<M>);
    for (const member of this.#shared.get(handle)?.members ?? []) member.deliver(message);
  }

  #membership(handle: number, change: Membership): void {
    const shared = this.#shared.get(handle);
    if (!shared) return;
    shared.change = change;
    if (change.state === 'discarded') this.#forget(handle);
    for (const member of [...shared.members]) member.change(change);
  }

  #open(member: Member, handle: number): void {
    member.handle = handle;
    const shared = this.#shared.get(handle) ?? { members: new Set(), change: { state: 'joining', code: 0, reason: '' } };
    this.#shared.set(handle, shared);
    this.#connection.expect(handle, member.name);
    shared.members.add(member);
    if (shared.change.state === 'joined') member.change(shared.change);
  }

  #drop(member: Member): void {
    const shared = this.#shared.get(member.handle);
    shared?.members.delete(member);
    if (shared?.members.size === 0) this.#forget(member.handle);
  }

  #forget(handle: number): void {
    this.#shared.delete(handle);
    this.#connection.forget(handle);
  }

  #error(error: ChannelLayersError): void {
    if (this.#on.error.size > 0) this.#on.error.emit(error);
    else console.error('channel-layers:', error);
  }
}

function membership(state: number, code: number, reason: string, recovered: boolean): Membership {
  if (state === 1) return { state: 'joined', recovered };
  return { state: state === 2 ? 'discarded' : 'joining', code, reason };
}

/**
 * A URL relative to the page becomes absolute, `http` becomes `ws`, and a missing path `/ws`.
 *
 * Checks what a socket could only report as one more failed attempt: there is no end to attempts.
 */
function resolve(url: string | URL): string {
  const { protocol, host, pathname, search, hash, username, password } = parse(url);
  const scheme = /^(?:http|ws)(s?:)$/.exec(protocol)?.[1];
  if (!scheme) throw local('config', `neither a ws nor an http address: ${String(url)}`);
  if (hash) throw local('config', `an address with a fragment: ${String(url)}`);
  // Not shown: it holds a secret.
  if (username || password) throw local('config', 'an address with a user or password; use a token');
  return `ws${scheme}//${host}${pathname === '/' ? '/ws' : pathname}${search}`;
}

function parse(url: string | URL): URL {
  try {
    return new URL(url, globalThis.location?.href);
  } catch (error) {
    throw local('config', `not a URL: ${String(url)}`, error);
  }
}
