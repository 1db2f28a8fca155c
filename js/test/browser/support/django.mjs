/** The project of examples/django and the Redis that it shares with gateways, gone at the end of the test. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

import { ROOT, run, succeed } from './program.mjs';

const PYTHON = resolve(process.env.CHANNEL_LAYERS_PYTHON ?? `${ROOT}target/python/bin/python`);

/** Starts a Redis on a unix socket; resolves with its URL. */
export async function redis(test) {
  const folder = await mkdtemp(join(tmpdir(), 'channel-layers-'));
  const socket = join(folder, 'redis.sock');
  const args = ['--port', '0', '--unixsocket', socket, '--dir', folder, '--save', ''];
  await printed(run(test, 'redis-server', args), /ready to accept connections/i);
  test.after(() => rm(folder, { recursive: true }));
  return `unix://${socket}`;
}

/** The project, served by uvicorn. */
export class Django {
  #how;
  #test;
  url;

  static async start(test, redisUrl) {
    const django = new Django();
    django.#test = test;
    django.#how = {
      cwd: `${ROOT}examples/django`,
      env: { REDIS_URL: redisUrl, PYTHONDONTWRITEBYTECODE: '1' },
    };
    // The line that says where it listens goes to standard error.
    const uvicorn = ['-c', 'exec "$0" -m uvicorn chat.asgi:application --port 0 2>&1', PYTHON];
    const line = await printed(run(test, 'sh', uvicorn, django.#how), /running on (http:\S+)/);
    django.url = line[1];
    return django;
  }

  /** Runs a management command; resolves when it has succeeded. */
  async manage(...args) {
    await succeed(run(this.#test, PYTHON, ['manage.py', ...args], this.#how));
  }
}

/** Waits for a line that a program prints; resolves with the match. */
async function printed(command, pattern) {
  for (;;) {
    const { value: line, done } = await command.lines.next();
    if (done) throw new Error(await command.problem());
    const match = pattern.exec(line);
    if (match) return match;
  }
}
