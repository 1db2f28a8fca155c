/** Groups: listeners, iteration, membership, shared handles. */

import { describe, expect, it, vi } from 'vitest';
import type { Group } from '../../src/group.js';
import { open, settled } from '../support/fake.js';

type App = { 'chat.message': { text: string }; 'chat.typing': { user: string } };

describe('messages', () => {
  it('reach those who asked for the type, and those who asked for all, parsed once', async () => {
    const { client, core } = await open<App>();
    const group = client.group('chat');
    const texts: string[] = [];
    const all: unknown[] = [];
    group.on('chat.message', ({ text }) => texts.push(text));
    group.on('*', (message) => all.push(message));
    client.group('chat').on('*', (message) => all.push(message));
    const parse = vi.spyOn(JSON, 'parse');
    core.message(1, { type: 'chat.message', text: 'hi' });
    expect(parse).toHaveBeenCalledOnce();
    parse.mockRestore();
    core.message(1, { type: 'chat.typing', user: 'ada' });
    core.message(2, { type: 'chat.message', text: 'elsewhere' });
    expect(texts).toEqual(['hi']);
    expect(all).toHaveLength(4);
    expect(all[0]).toBe(all[1]);
  });

  it('for the own channel reach the client', async () => {
    const { client, core } = await open<App>();
    const seen: unknown[] = [];
    client.on('message', (message) => seen.push(message));
    core.message(0, { type: 'chat.message', text: 'you' });
    expect(seen).toEqual([{ type: 'chat.message', text: 'you' }]);
  });

  it('reach the others when one callback throws, and the error is reported', async () => {
    const reported = vi.fn();
    vi.stubGlobal('reportError', reported);
    const { client, core } = await open<App>();
    const group = client.group('chat');
    const seen: string[] = [];
    group.on('*', () => { throw new Error('mine'); });
    group.on('*', () => seen.push('second'));
    core.message(1, { type: 'chat.message', text: 'hi' });
    expect(seen).toEqual(['second']);
    expect(reported).toHaveBeenCalledExactlyOnceWith(new Error('mine'));
    vi.unstubAllGlobals();
  });

  it('count callbacks added or removed on the way from the next message on', async () => {
    const { client, core } = await open<App>();
    const group = client.group('chat');
    const seen: string[] = [];
    const off = group.on('*', () => {
      off();
      off();
      seen.push('first');
      group.on('*', () => seen.push('late'));
    });
    core.message(1, { type: 'chat.message', text: '1' });
    core.message(1, { type: 'chat.message', text: '2' });
    expect(seen).toEqual(['first', 'late']);
  });
});

describe('iteration', () => {
  const text = (at: number) => ({ type: 'chat.message', text: String(at) });

  it('yields what arrives and ends when the group is left', async () => {
    const { client, core } = await open<App>();
    const group = client.group('chat');
    const seen: unknown[] = [];
    const done = (async () => { for await (const message of group) seen.push(message); })();
    core.message(1, text(1));
    await settled();
    core.message(1, text(2));
    const left = group.leave();
    core.message(1, text(3));
    core.ok();
    await left;
    await done;
    expect(seen).toEqual([text(1), text(2)]);
  });

  it('that lags gets what is queued without a gap, then an error, and the next one goes on', async () => {
    const { client, core } = await open<App>({ buffer: 2 });
    const group = client.group('chat');
    const reader = group[Symbol.asyncIterator]();
    for (let at = 1; at <= 4; at++) core.message(1, text(at));
    expect(await reader.next()).toEqual({ value: text(1), done: false });
    expect(await reader.next()).toEqual({ value: text(2), done: false });
    await expect(reader.next()).rejects.toMatchObject({ name: 'lagged' });
    expect(await reader.next()).toEqual({ value: undefined, done: true });
    const again = group[Symbol.asyncIterator]();
    const next = again.next();
    core.message(1, text(5));
    expect(await next).toEqual({ value: text(5), done: false });
  });

  it('stops collecting after a break', async () => {
    const { client, core } = await open<App>({ buffer: 1 });
    const group = client.group('chat');
    const reader = group[Symbol.asyncIterator]();
    core.message(1, text(1));
    await reader.return?.();
    core.message(1, text(2));
    core.message(1, text(3));
    expect(await reader.next()).toEqual({ value: undefined, done: true });
  });

  it('throws when the gateway ends the membership or the connection', async () => {
    const { client, core } = await open<App>();
    client.on('error', () => undefined);
    const first = client.group('chat')[Symbol.asyncIterator]().next();
    const second = client.group('other')[Symbol.asyncIterator]().next();
    core.handler.group(1, 2, 2001, 'not any more', false);
    await expect(first).rejects.toMatchObject({ code: 2001, name: 'permission_withdrawn', message: 'not any more' });
    core.handler.state(2, 4503, '', 0);
    await expect(second).rejects.toMatchObject({ code: 4503, name: 'permission_denied' });
  });

  it('ends quietly when the client is closed, also if it starts later', async () => {
    const { client } = await open<App>();
    const group = client.group('chat');
    const next = group[Symbol.asyncIterator]().next();
    client.close();
    expect(await next).toMatchObject({ done: true });
    expect(await group[Symbol.asyncIterator]().next()).toMatchObject({ done: true });
  });
});

describe('membership', () => {
  it('is told by join() and by onState', async () => {
    const { client, core } = await open();
    const joining = client.join('chat');
    await settled();
    expect(core.calls).toEqual([['open_group', 'chat'], ['join', 1]]);
    core.handler.group(1, 1, 0, '', false);
    core.ok();
    const group = await joining;
    const seen: unknown[] = [];
    group.onState((change) => seen.push(change));
    core.handler.group(1, 0, 2500, 'insufficient state', false);
    core.handler.group(1, 1, 0, '', true);
    expect(seen).toEqual([
      { state: 'joining', code: 2500, reason: 'insufficient state' }, { state: 'joined', recovered: true },
    ]);
    expect(group.state).toBe('joined');
  });

  it('that is refused rejects join(), and nothing is left or told twice', async () => {
    const { client, core } = await open();
    const errors: unknown[] = [];
    client.on('error', (error) => errors.push(error));
    const joining = client.join('chat');
    await settled();
    core.handler.reply(1, 103, 'permission_denied', 'members only', false, 0);
    core.handler.group(1, 2, 103, 'members only', false);
    await expect(joining).rejects.toMatchObject({ code: 103, name: 'permission_denied' });
    expect(errors).toEqual([]);
  });

  it('that is refused in the background is told to the client when nobody listens to the group', async () => {
    const { client, core } = await open();
    const errors: unknown[] = [];
    client.on('error', (error) => errors.push(error));
    const told: unknown[] = [];
    client.group('chat');
    client.group('other').onState((change) => told.push(change));
    core.handler.group(1, 2, 103, 'members only', false);
    core.handler.group(2, 2, 103, 'members only', false);
    expect(errors).toMatchObject([{ code: 103 }]);
    expect(told).toEqual([{ state: 'discarded', code: 103, reason: 'members only' }]);
  });

  it('with a bad name is refused, and told once', async () => {
    const { client, core } = await open();
    const errors: unknown[] = [];
    client.on('error', (error) => errors.push(error));
    core.refuse = { code: 5, name: 'invalid_name', message: 'a group name is …', temporary: false };
    await expect(client.join('no such')).rejects.toMatchObject({ code: 5, name: 'invalid_name' });
    expect(errors).toEqual([]);
    expect(client.group('no such').state).toBe('discarded');
    expect(errors).toMatchObject([{ code: 5 }]);
  });

  it('is given up again when a join is aborted', async () => {
    const { client, core } = await open();
    const abort = new AbortController();
    const joining = client.join('chat', { signal: abort.signal });
    await settled();
    abort.abort();
    await expect(joining).rejects.toMatchObject({ name: 'AbortError' });
    expect(core.calls.slice(1)).toEqual([['join', 1], ['cancel', 1], ['leave', 1]]);
  });

  it('is shared by handles of one name, each of which ends by itself', async () => {
    const { client, core } = await open<App>();
    const first = client.group('chat');
    core.handler.group(1, 1, 0, '', false);
    const second = client.group('chat');
    expect(second.state).toBe('joined');
    const seen: string[] = [];
    first.on('chat.message', () => seen.push('first'));
    second.on('chat.message', () => seen.push('second'));
    const left = first.leave();
    expect(first.leave()).toBe(left);
    core.ok();
    await left;
    core.message(1, { type: 'chat.message', text: 'hi' });
    expect([seen, first.state, second.state]).toEqual([['second'], 'left', 'joined']);
    await expect(first.ready()).rejects.toMatchObject({ name: 'closed' });
  });

  it('is left by `await using`, even when the signal gives up waiting', async () => {
    const { client, core } = await open();
    const group: Group = client.group('chat');
    const left = group[Symbol.asyncDispose]();
    core.ok();
    await left;
    const other = client.group('other').leave({ signal: AbortSignal.abort() });
    await expect(other).rejects.toMatchObject({ name: 'AbortError' });
    expect(core.calls.filter(([name]) => name === 'leave')).toEqual([['leave', 1], ['leave', 2]]);
  });
});
