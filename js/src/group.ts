/**
 * One part's handle on a group.
 *
 * Handles with one name share one membership, and the gateway sends each message once for all of them. A handle ends
 * once, by `leave()`, by the gateway or with the client; after that it calls nothing and its iterations are over.
 */

import { encode } from './codec.js';
import type { Connection } from './connection.js';
import { type ChannelLayersError, LOCAL, local } from './errors.js';
import { Listeners, type Unsubscribe } from './events.js';
import { Stream } from './stream.js';
import type { AnyMessages, Membership, MessageOf, Messages, WaitOptions } from './types.js';
import { wait } from './wait.js';

/** @internal What a group needs from its client. */
export interface Owner {
  readonly connection: Connection;
  readonly buffer: number;
  /** Adds a part to the membership with this handle; its state follows where another part is a member already. */
  open(member: Member, handle: number): void;
  drop(member: Member): void;
  error(error: ChannelLayersError): void;
}

/** @internal What a client needs from its groups, whatever their messages are. */
export interface Member {
  readonly name: string;
  handle: number;
  change(change: Membership): void;
  deliver(message: { type?: unknown }): void;
  end(error: ChannelLayersError): void;
}

/** A group that the client is a member of, or becomes one of as soon as there is a connection. */
export class Group<M extends Messages<M> = AnyMessages> {
  /** The group's name. */
  readonly name: string;
  readonly #owner: Owner;
  readonly #types = new Map<string, Listeners<MessageOf<M>>>();
  readonly #states = new Listeners<Membership>();
  readonly #streams = new Set<Stream<MessageOf<M>>>();
  readonly #member: Member;
  #state: Membership['state'] = 'joining';
  #error: ChannelLayersError | undefined;
  #leaving: Promise<void> | undefined;
  /** Somebody waits in `ready()`, or is about to, and learns of a refusal there. */
  #asked: boolean;

  /** @internal */
  constructor(owner: Owner, name: string, asked: boolean) {
    this.name = name;
    this.#owner = owner;
    this.#asked = asked;
    this.#member = {
      name,
      handle: 0,
      change: (change) => this.#change(change),
      deliver: (message) => this.#deliver(message as MessageOf<M>),
      end: (error) => this.#end(error.code === LOCAL.closed.code ? { state: 'left' } : discarded(error), error),
    };
    owner.connection.run({
      run: (core) => owner.open(this.#member, core.open_group(name)),
      refuse: (error) => this.#refuse(error),
    });
  }

  /** Whether messages arrive now. */
  get state(): Membership['state'] {
    return this.#state;
  }

  /** Waits until the gateway has let the client into the group; rejects when it does not. */
  async ready(options?: WaitOptions): Promise<void> {
    if (this.#ended) throw this.#error ?? local('closed', `the group ${this.name} was left`);
    this.#asked = true;
    await this.#owner.connection.request((core) => core.join(this.#member.handle), options);
  }

  /** Calls `listener` with each message of a type, or of any type for `*`, in the order in which they arrive. */
  on(type: '*', listener: (message: MessageOf<M>) => void): Unsubscribe;
  on<K extends keyof M & string>(type: K, listener: (message: MessageOf<M, K>) => void): Unsubscribe;
  on(type: string, listener: (message: never) => void): Unsubscribe {
    let listeners = this.#types.get(type);
    if (!listeners) this.#types.set(type, (listeners = new Listeners()));
    return listeners.add(listener as (message: MessageOf<M>) => void);
  }

  /** Calls `listener` with each change of the membership. A method of its own, so that no message can look like one. */
  onState(listener: (change: Membership) => void): Unsubscribe {
    return this.#states.add(listener);
  }

  /**
   * Sends a message to every member, this client included (`group_send`). Resolves when the channel layer has
   * accepted it, which says nothing about who receives it.
   */
  async send(message: MessageOf<M>, options?: WaitOptions): Promise<void> {
    const json = encode(message);
    await this.#owner.connection.request((core) => core.group_send(this.name, json), options);
  }

  /**
   * Ends this handle. The last one of a name leaves the group (`group_discard`); resolves when the gateway has
   * confirmed it. Messages stop at once.
   */
  leave(options?: WaitOptions): Promise<void> {
    this.#leaving ??= this.#leave(options);
    return this.#leaving;
  }

  /**
   * The group's messages from now on. An iteration may lag `buffer` messages behind; then it gets those and ends with
   * the error `lagged`. It ends quietly when the group is left or the client closed, with an error when the gateway ends either.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<MessageOf<M>> {
    const stream = new Stream<MessageOf<M>>(this.#owner.buffer, (ended) => this.#streams.delete(ended));
    if (this.#ended) stream.end(this.#state === 'left' ? undefined : this.#error);
    else this.#streams.add(stream);
    return stream;
  }

  /** Leaves the group, at the end of an `await using` block. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.leave();
  }

  get #ended(): boolean {
    return this.#state === 'left' || this.#state === 'discarded';
  }

  async #leave(options: WaitOptions | undefined): Promise<void> {
    if (this.#ended) return;
    const left = this.#owner.connection.request((core) => {
      this.#owner.drop(this.#member);
      return core.leave(this.#member.handle);
    });
    this.#end({ state: 'left' });
    // The signal ends the wait only: a group that one wants to leave is left.
    await wait<void>(options?.signal, (settle) => {
      left.then(settle.resolve, settle.reject);
      return () => undefined;
    });
  }

  #deliver(message: MessageOf<M>): void {
    const any = this.#types.get('*');
    // Not looked up in vain: the text of a type is new with each message, and must be hashed for that.
    if (message.type !== '*' && this.#types.size > (any ? 1 : 0)) this.#types.get(message.type)?.emit(message);
    any?.emit(message);
    for (const stream of this.#streams) stream.push(message);
  }

  #change(change: Membership): void {
    if (this.#ended) return;
    if (change.state === 'discarded') {
      this.#refuse(this.#owner.connection.error(change.code, change.reason));
      return;
    }
    if (change.state === 'joined') this.#asked = false;
    this.#state = change.state;
    this.#states.emit(change);
  }

  /** The group ends with an error; somebody is told of it. */
  #refuse(error: ChannelLayersError): void {
    const told = this.#asked || this.#states.size + this.#streams.size > 0;
    this.#end(discarded(error), error);
    if (!told) this.#owner.error(error);
  }

  #end(change: Membership, error?: ChannelLayersError): void {
    if (this.#ended) return;
    this.#state = change.state;
    this.#error = error;
    this.#states.emit(change);
    for (const stream of this.#streams) stream.end(change.state === 'left' ? undefined : error);
  }
}

function discarded(error: ChannelLayersError): Membership {
  return { state: 'discarded', code: error.code, reason: error.message };
}
