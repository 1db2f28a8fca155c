/** The golden vectors in tests/vectors, through the real module: what it sends, hears, refuses and names. */

import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { connect } from '../../../pkg/dist/index.js';
import type { Glue } from '../../src/loader.js';
import { settled } from '../support/fake.js';
import { FakeSocket } from '../support/socket.js';

type Frame = { op: string; id?: number; [field: string]: unknown };
type Vector = { name: string; json: string; sender?: string };
type Code = { code: number; name: string; action: string };

const root = resolve(import.meta.dirname, '../../..');
const read = (file: string) => JSON.parse(readFileSync(resolve(root, 'tests/vectors', file), 'utf8'));
const frames: Vector[] = read('frames.json');
const frame = (name: string): Frame => JSON.parse(frames.find((vector) => vector.name === name)?.json ?? '');

beforeEach(() => vi.stubGlobal('WebSocket', FakeSocket));
afterEach(() => vi.unstubAllGlobals());

/** A connected client and its socket. */
async function connected() {
  const client = connect('ws://localhost/ws');
  const socket = await vi.waitUntil(() => FakeSocket.opened.pop());
  socket.open();
  const { id } = await sent(socket, 'connect');
  socket.receive({ ...frame('welcome'), id });
  await client.ready();
  return { client, socket };
}

function sent(socket: FakeSocket, op: string): Promise<Frame> {
  return vi.waitUntil(() => socket.frames.find((frame) => frame.op === op) as Frame | undefined);
}

/** The frame but for its id, which each side counts by itself. */
function unnumbered({ id, ...rest }: Frame) {
  expect(id).toBeGreaterThan(0);
  return rest;
}

describe('frames', () => {
  it('are sent as the vectors have them', async () => {
    const { client, socket } = await connected();
    client.join('chat.lobby').catch(() => undefined);
    client.groupSend('chat.lobby', { type: 'chat.message', text: 'hi' }).catch(() => undefined);
    const channel = String(frame('send').channel);
    client.send(channel, { type: 'a', data: new Uint8Array([1, 2]) }).catch(() => undefined);
    for (const name of ['connect', 'group_add', 'group_send', 'send']) {
      expect(unnumbered(await sent(socket, name)), name).toEqual(unnumbered(frame(name)));
    }
    socket.receive(frame('ping'));
    expect(await sent(socket, 'pong')).toEqual(frame('pong'));
    client.close();
  });

  it('are heard as the vectors have them', async () => {
    const { client, socket } = await connected();
    expect(client.channel).toBe(frame('welcome').channel);
    const joining = client.join('chat.lobby');
    socket.receive({ ...frame('ok of group_add'), id: (await sent(socket, 'group_add')).id });
    const heard: unknown[] = [];
    (await joining).on('*', (message) => heard.push(message));
    client.on('message', (message) => heard.push(message));
    const both = ['message of a group', 'message of the own channel'].map(frame);
    for (const message of both) socket.receive(message);
    await settled();
    expect(heard).toEqual([both[0]?.message, { bytes: new Uint8Array([97, 98, 99]) }]);
    client.close();
  });

  it('that failed have their code, name and wait', async () => {
    const { client, socket } = await connected();
    const sending = client.groupSend('chat.lobby', { type: 'a' });
    const error = frame('error with a wait');
    socket.receive({ ...error, id: (await sent(socket, 'group_send')).id });
    const { code, name, reason: message, temporary, retry_after: retryAfter } = error;
    await expect(sending).rejects.toMatchObject({ code, name, message, temporary, retryAfter });
    client.close();
  });
});

describe('messages', () => {
  const messages: Vector[] = read('messages.json');

  it('cross the module unchanged', async () => {
    const { client, socket } = await connected();
    const heard: unknown[] = [];
    client.on('message', (message) => heard.push(message));
    for (const { json } of messages) {
      socket.receive(`{"op":"message","channel":"${client.channel}","message":${json}}`);
    }
    await vi.waitUntil(() => heard.length === messages.length);
    messages.forEach(({ name, json }, at) => expect(withoutBytes(heard[at]), name).toEqual(JSON.parse(json)));
    client.close();
  });
});

/** The message with its byte strings spelled as in JSON. */
function withoutBytes(message: unknown): unknown {
  return JSON.parse(JSON.stringify(message, (_, value) => {
    return value instanceof Uint8Array ? { $bytes: Buffer.from(value).toString('base64') } : value;
  }));
}

describe('names', () => {
  const names: Record<'channel' | 'group', { valid: string[]; invalid: string[] }> = read('names.json');

  it('are judged as the vectors judge them', async () => {
    const { client } = await connected();
    client.on('error', () => undefined);
    const verdict = (name: string, request: Promise<void>) =>
      Promise.race([request.then(() => '', ({ name }) => name), settled().then(() => 'sent')]).then((end) => [name, end]);
    for (const name of names.group.valid) expect(await verdict(name, client.groupSend(name, { type: 'a' }))).toEqual([name, 'sent']);
    for (const name of names.channel.valid) expect(await verdict(name, client.send(name, { type: 'a' }))).toEqual([name, 'sent']);
    for (const name of names.group.invalid) expect(await verdict(name, client.groupSend(name, { type: 'a' }))).toEqual([name, 'invalid_name']);
    for (const name of names.channel.invalid) expect(await verdict(name, client.send(name, { type: 'a' }))).toEqual([name, 'invalid_name']);
    client.close();
  });
});

describe('codes', () => {
  it('have the names of the vectors, and are temporary where their action says so', async () => {
    const built = resolve(process.env.CARGO_TARGET_DIR ?? resolve(root, 'target'), 'npm');
    const glue: Glue = await import(resolve(built, 'core.js'));
    await glue.default({ module_or_path: readFileSync(resolve(built, 'core_bg.wasm')) });
    const wanted: Record<'errors' | 'groups' | 'closes', Code[]> = read('codes.json');
    for (const { code, name, action } of [...wanted.errors, ...wanted.groups, ...wanted.closes]) {
      expect([code, glue.code_name(code)]).toEqual([code, name]);
      expect([code, glue.is_temporary(code)]).toEqual([code, action === 'retry']);
    }
  });
});
