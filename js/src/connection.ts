/**
 * The line to the wasm core: loads it, keeps what is asked for until it is there, and matches answers to promises.
 *
 * Requests reach the core in the order in which they were made, also those made before it was loaded. After the end
 * every request is refused, every wait is settled and the core is freed, once.
 */

import type { Binding, Core, CoreOptions, Handler } from './binding.js';
import { ChannelLayersError, local, thrown } from './errors.js';
import { decode } from './codec.js';
import { Shortcut } from './shortcut.js';
import type { ConnectOptions, StateChange, WaitOptions } from './types.js';
import { type Settle, wait } from './wait.js';

/** What the connection reports. */
export interface Sink {
  state(change: StateChange): void;
  message(handle: number, message: object): void;
  group(handle: number, state: number, code: number, reason: string, recovered: boolean): void;
}

/** How many requests wait for the module to load; the core's own queue has its own bounds. */
const LOADING = 256;

interface Command {
  run(core: Core): void;
  refuse(error: ChannelLayersError): void;
}

export class Connection implements Handler {
  #core: Core | undefined;
  #binding: Binding | undefined;
  #end: ChannelLayersError | undefined;
  /** The application has closed the client, so the last state is no failure. */
  #closing = false;
  readonly #commands: Command[] = [];
  readonly #requests = new Map<number, Settle<void>>();
  readonly #sink: Sink;
  readonly #shortcut: Shortcut;
  readonly #token: ConnectOptions['token'];

  constructor(load: () => Promise<Binding>, url: string, options: ConnectOptions, sink: Sink) {
    this.#sink = sink;
    this.#shortcut = new Shortcut(sink);
    this.#token = options.token;
    load().then((binding) => this.#open(binding, url, options)).catch((error: unknown) => this.#fail(error));
  }

  /** Why there will be no connection any more, once that is so. */
  get end(): ChannelLayersError | undefined {
    return this.#end;
  }

  get channel(): string | undefined {
    return this.#core?.channel();
  }

  get user(): string | undefined {
    return this.#core?.user();
  }

  /** Runs `issue`, which starts a request and returns its id, and waits for the answer. */
  request(issue: (core: Core) => number, { signal }: WaitOptions = {}): Promise<void> {
    return wait(signal, (settle) => {
      let id: number | undefined;
      let wanted = true;
      const run = (core: Core) => {
        if (!wanted) return;
        id = issue(core);
        this.#requests.set(id, settle);
      };
      this.run({ run, refuse: settle.reject });
      return () => {
        wanted = false;
        if (id !== undefined && this.#requests.delete(id)) this.#core?.cancel(id);
      };
    });
  }

  /** Runs a command once the core is there: now, where it is. */
  run(command: Command): void {
    if (this.#end) command.refuse(this.#end);
    else if (this.#core) attempt(command, this.#core);
    else if (this.#commands.length < LOADING) this.#commands.push(command);
    else command.refuse(local('queue_full', `${LOADING} requests wait for the wasm module already`));
  }

  /** Messages for this handle may take the short way, until it is forgotten. */
  expect(handle: number, name: string): void {
    this.#shortcut.expect(handle, this.#binding?.message_head(name, handle === 0));
  }

  forget(handle: number): void {
    this.#shortcut.forget(handle);
  }

  close(): void {
    this.#closing = true;
    this.#shortcut.ask();
    if (this.#core) this.#core.close();
    else this.#finish(closed());
  }

  /** An error for a code of the protocol. */
  error(code: number, reason: string): ChannelLayersError {
    const name = this.#binding?.code_name(code) ?? 'unknown';
    return new ChannelLayersError({ code, name, reason: reason || name, temporary: this.#binding?.is_temporary(code) === true });
  }

  state(state: number, code: number, reason: string, retryIn: number): void {
    this.#shortcut.ask();
    if (state === 1) this.expect(0, this.channel ?? '');
    if (state === 2) this.#finish(this.#closing ? closed() : this.error(code, reason));
    else if (!this.#end) this.#sink.state(state === 1 ? { state: 'connected' } : { state: 'connecting', code, reason, retryIn });
  }

  reply(id: number, code: number, name: string, reason: string, temporary: boolean, retryAfter: number): void {
    const settle = this.#requests.get(id);
    this.#requests.delete(id);
    if (code === 0) settle?.resolve();
    else settle?.reject(new ChannelLayersError({ code, name, reason, temporary, retryAfter }));
  }

  socket(socket: EventTarget | undefined): void {
    this.#shortcut.listen(socket, this.#core);
  }

  message(handle: number, json: string): void {
    this.#sink.message(handle, decode(json));
  }

  group(handle: number, state: number, code: number, reason: string, recovered: boolean): void {
    this.#sink.group(handle, state, code, reason, recovered);
  }

  async token(): Promise<string> {
    return typeof this.#token === 'function' ? this.#token() : (this.#token ?? '');
  }

  #open(binding: Binding, url: string, options: ConnectOptions): void {
    this.#binding = binding;
    if (this.#end) return;
    const core = new binding.Core(url, this, coreOptions(options));
    this.#core = core;
    for (const command of this.#commands.splice(0)) attempt(command, core);
  }

  #fail(error: unknown): void {
    this.#finish(error instanceof ChannelLayersError ? error : thrown(error));
  }

  #finish(error: ChannelLayersError): void {
    if (this.#end) return;
    this.#end = error;
    const core = this.#core;
    this.#core = undefined;
    this.#shortcut.listen();
    // Not at once: this may run inside a call that the core made.
    queueMicrotask(() => core?.free());
    for (const command of this.#commands.splice(0)) command.refuse(error);
    for (const settle of this.#requests.values()) settle.reject(error);
    this.#requests.clear();
    this.#sink.state({ state: 'closed', code: error.code, reason: error.message });
  }
}

function closed(): ChannelLayersError {
  return local('closed', 'the client was closed');
}

function attempt(command: Command, core: Core): void {
  try {
    command.run(core);
  } catch (error) {
    command.refuse(thrown(error));
  }
}

function coreOptions(options: ConnectOptions): CoreOptions {
  const given = {
    token: options.token !== undefined,
    timeout_ms: options.timeout,
    queue_messages: options.queueMessages,
    queue_bytes: options.queueBytes,
    client: options.client,
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}
