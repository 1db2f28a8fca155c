/** Messages that do not cross the module: which ones, in what order, and that the application cannot tell. */

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { connect } from '../../../pkg/dist/index.js';
import { settled } from '../support/fake.js';
import { FakeSocket } from '../support/socket.js';

const WELCOME = { op: 'welcome', ping: 25, pong: 10, limits: { frame: 65536, groups: 10 }, version: 'test' };

beforeEach(() => vi.stubGlobal('WebSocket', FakeSocket));
afterEach(() => vi.unstubAllGlobals());

/** Accepts the client's next connection, and its groups. */
async function accept(channel: string): Promise<FakeSocket> {
  const socket = await vi.waitUntil(() => FakeSocket.opened.pop());
  socket.open();
  const { id } = await vi.waitUntil(() => socket.frames.find(({ op }) => op === 'connect'));
  socket.receive({ ...WELCOME, id, channel });
  await settled();
  for (const { op, id, group } of socket.frames) if (op === 'group_add') socket.receive({ op: 'ok', id, group });
  await settled();
  return socket;
}

/** A member of two groups that writes down what it hears. */
async function member() {
  const client = connect('ws://localhost/ws');
  const heard: unknown[] = [];
  const groups = ['chat', 'news'].map((name) => {
    const group = client.group(name);
    group.on('*', ({ type }) => heard.push(`${name} ${type}`));
    group.onState(({ state }) => heard.push(`${name} ${state}`));
    return group;
  });
  client.on('message', ({ type }) => heard.push(`own ${type}`));
  const socket = await accept('specific.a!1');
  heard.length = 0;
  return { client, groups, heard, socket };
}

function message(group: string, type: string) {
  return { op: 'message', group, message: { type } };
}

describe('a message', () => {
  it('is delivered within its event', async () => {
    const { client, heard, socket } = await member();
    socket.receive(message('chat', 'a'));
    socket.receive(message('news', 'b'));
    socket.receive({ op: 'message', channel: 'specific.a!1', message: { type: 'c' } });
    socket.receive(message('chat', 'd'));
    expect(heard).toEqual(['chat a', 'news b', 'own c', 'chat d']);
    socket.receive(message('others', 'e'));
    await settled();
    expect(heard).toHaveLength(4);
    client.close();
  });

  it('does not overtake what came before it', async () => {
    const { client, heard, socket } = await member();
    socket.receive({ op: 'group_discarded', group: 'news', code: 2501, reason: '' });
    socket.receive(message('chat', 'a'));
    socket.receive('{"op":"message","group":"chat","message":{"type":"b"} }');
    socket.receive(message('chat', 'c'));
    expect(heard).toEqual([]);
    await settled();
    expect(heard).toEqual(['news joining', 'chat a', 'chat b', 'chat c']);
    socket.receive(message('chat', 'd'));
    expect(heard.at(-1)).toBe('chat d');
    client.close();
  });

  it.each([
    ['fields in another order', '{"group":"chat","op":"message","message":{"type":"a"}}'],
    ['a field of a later version', '{"op":"message","group":"chat","message":{"type":"a"},"later":{}}'],
    ['two bodies, of which the last counts', '{"op":"message","group":"chat","message":{"type":"b"},"message":{"type":"a"}}'],
    ['spaces', '{"op":"message","group":"chat","message": {"type":"a"}}'],
    ['an escaped name', '{"op":"message","group":"ch\\u0061t","message":{"type":"a"}}'],
  ])('is heard all the same with %s', async (_, frame) => {
    const { client, heard, socket } = await member();
    socket.receive(frame);
    await settled();
    expect(heard).toEqual(['chat a']);
    client.close();
  });

  it.each([
    '{"op":"message","group":"chat","message":{"type":}}',
    '{"op":"message","group":"chat","message":{}}}',
    '{"op":"message","group":"chat","message":{"a":1}{}}',
  ])('ends the connection where it is malformed: %s', async (frame) => {
    const { client, heard, socket } = await member();
    socket.receive(frame);
    await settled();
    expect(client.state).toBe('connecting');
    expect(heard).toEqual(['chat joining', 'news joining']);
    client.close();
  });

  it('is not heard after the client was closed in a callback, nor by who has left', async () => {
    const { client, groups: [chat, news], heard, socket } = await member();
    void news?.leave().catch(() => undefined);
    socket.receive(message('news', 'a'));
    chat?.on('last', () => client.close());
    socket.receive(message('chat', 'b'));
    socket.receive(message('chat', 'last'));
    socket.receive(message('chat', 'c'));
    await settled();
    socket.receive(message('chat', 'd'));
    await settled();
    expect(heard).toEqual(['news left', 'chat b', 'chat last', 'chat left']);
  });

  it('is heard from a socket whose events are simple', async () => {
    vi.stubGlobal('MessageEvent', class extends MessageEvent<unknown> {
      override stopImmediatePropagation = undefined as never;
    });
    const { client, heard, socket } = await member();
    socket.receive(message('chat', 'a'));
    expect(heard).toEqual([]);
    await settled();
    expect(heard).toEqual(['chat a']);
    client.close();
  });

  it('comes by the new connection alone after a reconnect', async () => {
    const { client, heard, socket: old } = await member();
    old.close(1001);
    await vi.waitUntil(() => client.state === 'connecting');
    const socket = await accept('specific.a!2');
    heard.length = 0;
    old.receive(message('chat', 'old'));
    socket.receive(message('chat', 'a'));
    socket.receive({ op: 'message', channel: 'specific.a!2', message: { type: 'b' } });
    expect(heard).toEqual(['chat a', 'own b']);
    client.close();
  });
});
