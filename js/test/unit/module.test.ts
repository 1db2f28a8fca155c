/** The facade over the real module: it exports what the facade expects, and both speak the protocol. */

import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { connect } from '../../../pkg/dist/index.js';
import { LOCAL } from '../../src/errors.js';
import type { Glue } from '../../src/loader.js';
import { FakeSocket } from '../support/socket.js';
import { settled } from '../support/fake.js';

const WELCOME = { op: 'welcome', id: 1, channel: 'specific.a!b', user: 'ada', ping: 25, pong: 10, limits: { frame: 65536, groups: 10 }, version: 'test' };

beforeEach(() => vi.stubGlobal('WebSocket', FakeSocket));
afterEach(() => vi.unstubAllGlobals());

/** Waits until the client has opened a socket, and accepts it. */
async function accept(): Promise<FakeSocket> {
  const socket = await vi.waitUntil(() => FakeSocket.opened.pop());
  socket.open();
  const { id } = await nextFrame(socket, 'connect');
  socket.receive({ ...WELCOME, id });
  await settled();
  return socket;
}

async function nextFrame(socket: FakeSocket, op: string): Promise<Record<string, unknown>> {
  return vi.waitUntil(() => socket.frames.find((frame) => frame.op === op));
}

it('connects, joins, sends and hears', async () => {
  using client = connect('ws://localhost/ws');
  const joining = client.join('chat');
  const socket = await accept();
  expect(socket.protocol).toBe('channel-layers.v1.json');
  const add = await nextFrame(socket, 'group_add');
  expect(add).toMatchObject({ group: 'chat' });
  socket.receive({ op: 'ok', id: add.id, group: 'chat' });
  const group = await joining;
  expect([client.state, client.channel, client.user, group.state]).toEqual(['connected', 'specific.a!b', 'ada', 'joined']);

  const heard = new Promise((resolve) => group.on('*', resolve));
  const sending = group.send({ type: 'chat.message', text: 'hi', data: new Uint8Array([1, 2]) });
  const sent = await nextFrame(socket, 'group_send');
  expect(sent.message).toEqual({ type: 'chat.message', text: 'hi', data: { $bytes: 'AQI=' } });
  socket.receive({ op: 'message', group: 'chat', message: sent.message });
  socket.receive({ op: 'ok', id: sent.id });
  await sending;
  expect(await heard).toEqual({ type: 'chat.message', text: 'hi', data: new Uint8Array([1, 2]) });
});

it('gives refusals their code and name, from the gateway and from the module', async () => {
  using client = connect('ws://localhost/ws');
  const joining = client.join('chat');
  const socket = await accept();
  const { id } = await nextFrame(socket, 'group_add');
  socket.receive({ op: 'error', id, code: 103, name: 'permission_denied', reason: 'members only', temporary: false });
  await expect(joining).rejects.toMatchObject({ code: 103, name: 'permission_denied', message: 'members only' });
  await expect(client.join('no such')).rejects.toMatchObject({ code: 5, name: 'invalid_name' });
});

it('ends for good with a terminal close code', async () => {
  const client = connect('ws://localhost/ws');
  const errors: unknown[] = [];
  client.on('error', (error) => errors.push(error));
  const socket = await accept();
  socket.close(4503, 'not you');
  const error = { code: 4503, name: 'permission_denied', message: 'not you' };
  await vi.waitUntil(() => client.state === 'closed');
  expect(errors).toMatchObject([error]);
  await expect(client.join('chat')).rejects.toMatchObject(error);
  await expect(client.ready()).rejects.toMatchObject(error);
});

it('is closed without an error', async () => {
  const client = connect('ws://localhost/ws');
  const seen: unknown[] = [];
  client.on('error', (error) => seen.push(error));
  client.on('state', (change) => seen.push(change));
  await accept();
  client.close();
  await vi.waitUntil(() => client.state === 'closed');
  expect(seen.at(-1)).toEqual({ state: 'closed', code: LOCAL.closed.code, reason: 'the client was closed' });
  expect(seen.filter((one) => one instanceof Error)).toEqual([]);
});

it('has a callback call back into the client', async () => {
  const client = connect('ws://localhost/ws');
  const socket = await accept();
  const group = client.group('chat');
  const closed = new Promise((resolve) => client.on('state', ({ state }) => state === 'closed' && resolve(state)));
  group.on('*', () => {
    group.send({ type: 'again' }).catch(() => undefined);
    group.leave().catch(() => undefined);
    client.close();
  });
  const add = await nextFrame(socket, 'group_add');
  socket.receive({ op: 'ok', id: add.id, group: 'chat' });
  socket.receive({ op: 'message', group: 'chat', message: { type: 'first' } });
  expect(await closed).toBe('closed');
});

it('has the codes that the facade raises itself', async () => {
  const built = resolve(process.env.CARGO_TARGET_DIR ?? resolve(import.meta.dirname, '../../../target'), 'npm');
  const glue: Glue = await import(resolve(built, 'core.js'));
  await glue.default({ module_or_path: readFileSync(resolve(built, 'core_bg.wasm')) });
  for (const [name, { code, temporary }] of Object.entries(LOCAL)) {
    expect([glue.code_name(code), glue.is_temporary(code)]).toEqual([name, temporary]);
  }
  expect([1000, 2501, 4503, 9999].map(glue.code_name)).toEqual(['normal', 'expired', 'permission_denied', 'unknown']);
});
