/**
 * The real binary: started on a free port, killed or stopped, started again on the same port, and gone at the end of
 * the test that asked for it.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));
const PROGRAM = resolve(process.env.CHANNEL_LAYERS_BIN ?? `${ROOT}target/debug/channel-layers`);

/** A gateway with the chat page. */
export class Gateway {
  #process;
  #lines;
  #port = 0;
  #options;
  #test;

  /** @param options More options of `serve`. */
  static async start(test, options = []) {
    const gateway = new Gateway();
    gateway.#test = test;
    gateway.#options = options;
    await gateway.start();
    return gateway;
  }

  get port() {
    return this.#port;
  }

  get url() {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Starts it, again on the port that it had. */
  async start() {
    const args = ['serve', '--demo', '--listen', `127.0.0.1:${this.#port}`, ...this.#options];
    this.#process = run(this.#test, PROGRAM, args);
    this.#lines = this.#process.lines;
    const { value: line } = await this.#lines.next();
    this.#port = Number(/^listening on http:\/\/127\.0\.0\.1:(\d+)$/.exec(line)?.[1]);
    if (!this.#port) throw new Error(`the gateway did not start: ${line ?? (await this.#process.problem())}`);
  }

  /** Ends it: with SIGKILL at once, with SIGTERM in order. Resolves with its exit code when it is gone. */
  async stop(signal) {
    this.#process.child.kill(signal);
    return this.#process.ended;
  }

  /** Publishes a message as the shell does; resolves when the command has succeeded. */
  async publish(group, message) {
    await succeed(run(this.#test, PROGRAM, ['group-send', group, JSON.stringify(message), '--to', this.url]));
  }

  /** Listens to groups as the shell does; an async iterator over the lines that it prints, parsed. */
  async *listen(groups) {
    const args = groups.flatMap((group) => ['--group', group]);
    const command = run(this.#test, PROGRAM, ['listen', ...args, '--to', this.url]);
    for await (const line of command.lines) yield JSON.parse(line);
    throw new Error(await command.problem());
  }
}

/** Runs a line as somebody does who copied it, with the binary in the path; resolves when it has succeeded. */
export async function shell(test, line) {
  await succeed(run(test, 'sh', ['-c', line]));
}

/** Runs one of the Rust examples against the gateway at `url`; resolves when it has succeeded. */
export async function example(test, name, url) {
  await succeed(run(test, `${dirname(PROGRAM)}/examples/${name}`, [url]));
}

/** Waits for the end of a program, which must be a good one. */
export async function succeed(command) {
  if ((await command.ended) !== 0) throw new Error(await command.problem());
}

/** Runs a program until the test ends, unless it ends before. */
export function run(test, program, args, { cwd, env: more } = {}) {
  const env = { ...process.env, NO_COLOR: '1', PATH: `${dirname(PROGRAM)}:${process.env.PATH}`, ...more };
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], cwd, env });
  let errors = '';
  child.stderr.on('data', (text) => (errors += text));
  const ended = once(child, 'close').then(([code]) => code);
  const problem = async () => `${args[0]} ended with ${await ended}: ${errors}`;
  test.after(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return { child, lines, ended, problem };
}
