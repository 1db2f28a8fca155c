/** A million messages leave the heap and the module's memory where they were. */

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { connect } from '../../../pkg/dist/index.js';
import { settled } from '../support/fake.js';
import { FakeSocket } from '../support/socket.js';

const MESSAGES = 1_000_000;
const TASK = 100;
/** One task in so many begins with a frame for the module, and all that follow it in the task go there too. */
const MODULE = 10;
/** Half a byte for each message. */
const KEPT = MESSAGES / 2;

setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');

beforeEach(() => vi.stubGlobal('WebSocket', FakeSocket));
afterEach(() => vi.unstubAllGlobals());

/** The memories of the modules that are instantiated from now on. */
function memories(): WebAssembly.Memory[] {
  const found: WebAssembly.Memory[] = [];
  const { instantiate } = WebAssembly;
  vi.spyOn(WebAssembly, 'instantiate').mockImplementation(async (...args: Parameters<typeof instantiate>) => {
    const result = await instantiate(...args) as unknown as WebAssembly.WebAssemblyInstantiatedSource;
    const all = Object.values((result.instance ?? result).exports);
    found.push(...all.filter((value) => value instanceof WebAssembly.Memory));
    return result as never;
  });
  return found;
}

it(`${MESSAGES} messages leave nothing behind`, { timeout: 120_000 }, async () => {
  const [memory, client] = [memories(), connect('ws://localhost/ws')];
  const socket = await vi.waitUntil(() => FakeSocket.opened.pop());
  socket.open();
  const { id } = await vi.waitUntil(() => socket.frames.find(({ op }) => op === 'connect'));
  socket.receive({ op: 'welcome', id, channel: 'a.b!c', ping: 1e6, pong: 10, limits: { frame: 65536, groups: 9 }, version: '1' });
  const group = client.group('chat');
  const add = await vi.waitUntil(() => socket.frames.find(({ op }) => op === 'group_add'));
  socket.receive({ op: 'ok', id: add.id, group: 'chat' });
  let heard = 0;
  group.on('*', () => { heard += 1; });

  const short = '{"op":"message","group":"chat","message":{"type":"chat.message","text":"hello there"}}';
  const send = async (count: number) => {
    for (let at = 0; at < count; at++) {
      socket.receive(at % (TASK * MODULE) === 0 ? ` ${short}` : short);
      if (at % TASK === TASK - 1) await settled();
    }
    await settled();
    collect();
    return { heap: process.memoryUsage().heapUsed, module: memory.reduce((sum, { buffer }) => sum + buffer.byteLength, 0) };
  };
  const before = await send(MESSAGES / 10); // Code is compiled and buffers grow once.
  const after = await send(MESSAGES);
  expect(heard).toBe(1.1 * MESSAGES);
  expect(before.module).toBeGreaterThan(0);
  expect(after.module).toBe(before.module);
  expect(after.heap - before.heap).toBeLessThan(KEPT);
  client.close();
});
