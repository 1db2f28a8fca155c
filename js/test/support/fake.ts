/** A binding whose core does what a test tells it, and writes down what it was asked. */

import type { Binding, Core, CoreOptions, Handler } from '../../src/binding.js';
import { Client } from '../../src/client.js';
import type { AnyMessages, ConnectOptions, Messages } from '../../src/types.js';

const NAMES = new Map([[4, 'closed'], [103, 'permission_denied'], [2001, 'permission_withdrawn'], [4503, 'permission_denied']]);

export class FakeCore implements Core {
  /** The calls so far, each as its name and arguments, ids left out. */
  readonly calls: unknown[][] = [];
  readonly groups: string[] = [];
  refuse: unknown;
  freed = 0;
  #id = 0;

  constructor(readonly url: string, readonly handler: Handler, readonly options: CoreOptions) {}

  open_group(group: string): number {
    if (this.refuse) throw this.refuse;
    this.calls.push(['open_group', group]);
    if (!this.groups.includes(group)) this.groups.push(group);
    return this.groups.indexOf(group) + 1;
  }

  join = (handle: number) => this.#call('join', handle);
  leave = (handle: number) => this.#call('leave', handle);
  group_send = (group: string, json: string) => this.#call('group_send', group, json);
  send = (channel: string, json: string) => this.#call('send', channel, json);

  cancel(id: number): void {
    this.calls.push(['cancel', id]);
  }

  pass(): number {
    return 1;
  }

  channel(): string | undefined {
    return 'specific.abc!def';
  }

  user(): string | undefined {
    return 'ada';
  }

  close(): void {
    this.handler.state(2, 1000, '', 0);
  }

  free(): void {
    this.freed += 1;
  }

  /** The gateway accepts the connection. */
  welcome(): void {
    this.handler.state(1, 0, '', 0);
  }

  /** The gateway accepts the last request, or the one with `id`. */
  ok(id = this.#id): void {
    this.handler.reply(id, 0, '', '', false, 0);
  }

  /** A message arrives for a group. */
  message(handle: number, message: object): void {
    this.handler.message(handle, JSON.stringify(message));
  }

  #call(...call: unknown[]): number {
    if (this.refuse) throw this.refuse;
    this.calls.push(call);
    return ++this.#id;
  }
}

export interface Opened<M extends Messages<M>> {
  readonly client: Client<M>;
  readonly core: FakeCore;
}

/** A binding that hands out every core that it made. */
export function fakeBinding(cores: FakeCore[]): Binding {
  class Recorded extends FakeCore {
    constructor(url: string, handler: Handler, options: CoreOptions) {
      super(url, handler, options);
      cores.push(this);
    }
  }
  const code_name = (code: number) => NAMES.get(code) ?? 'unknown';
  return { Core: Recorded, code_name, is_temporary: () => false, message_head: (name) => `of ${name}:` };
}

/** A client over a fake core that is loaded already. */
export async function open<M extends Messages<M> = AnyMessages>(options: ConnectOptions = {}): Promise<Opened<M>> {
  const cores: FakeCore[] = [];
  const client = new Client<M>(async () => fakeBinding(cores), 'ws://localhost/ws', options);
  await settled();
  return { client, core: cores[0] as FakeCore };
}

/** Lets every promise that can settle settle. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
