/** The life of a client: loading, states, waits, the end. */

import { describe, expect, it, vi } from 'vitest';
import { Client } from '../../src/client.js';
import { ChannelLayersError } from '../../src/errors.js';
import { FakeCore, fakeBinding, open, settled } from '../support/fake.js';

describe('connecting', () => {
  it('is not a promise, so `await` cannot swallow the client', async () => {
    const { client } = await open();
    expect('then' in client).toBe(false);
    expect(await Promise.resolve(client)).toBe(client);
  });

  it('keeps requests made before the module is loaded, in order', async () => {
    const cores: FakeCore[] = [];
    const client = new Client(async () => fakeBinding(cores), 'ws://localhost/ws', {});
    const group = client.group('chat');
    void group.send({ type: 'a' });
    void client.send('specific.x!y', { type: 'b' });
    await settled();
    expect(cores[0]?.calls).toEqual([
      ['open_group', 'chat'], ['group_send', 'chat', '{"type":"a"}'], ['send', 'specific.x!y', '{"type":"b"}'],
    ]);
  });

  it('bounds what waits for the module', async () => {
    const client = new Client(() => new Promise(() => undefined), 'ws://localhost/ws', {});
    const sends = Array.from({ length: 257 }, () => client.send('specific.x!y', { type: 'a' }));
    await expect(sends[256]).rejects.toMatchObject({ name: 'queue_full', code: 3, temporary: true });
    client.close();
    await expect(sends[0]).rejects.toMatchObject({ name: 'closed', code: 4 });
    await Promise.allSettled(sends);
  });

  it('resolves relative and http addresses', async () => {
    const cores: FakeCore[] = [];
    const urlOf = async (url: string | URL) => {
      new Client(async () => fakeBinding(cores), url, {});
      await settled();
      return cores.at(-1)?.url;
    };
    expect(await urlOf('https://example.org/ws')).toBe('wss://example.org/ws');
    expect(await urlOf(new URL('http://example.org/ws?a=1'))).toBe('ws://example.org/ws?a=1');
    expect(() => new Client(async () => fakeBinding(cores), '/ws', {})).toThrow(ChannelLayersError);
    expect(await urlOf('http://example.org?a=1')).toBe('ws://example.org/ws?a=1');
    expect(await urlOf('ws://[::1]:9000/live/')).toBe('ws://[::1]:9000/live/');
    for (const wrong of ['ftp://host', 'ws://', 'ws://host:70000/', 'ws://host/ws#top', 'ws://me:secret@host/ws']) {
      expect(() => new Client(async () => fakeBinding(cores), wrong, {}), wrong).toThrow(ChannelLayersError);
    }
    vi.stubGlobal('location', { href: 'https://app.example/rooms/1' });
    expect(await urlOf('/ws')).toBe('wss://app.example/ws');
    vi.unstubAllGlobals();
  });

  it('passes on only the options that are given', async () => {
    expect((await open()).core.options).toEqual({ token: false });
    const options = { token: 't', timeout: 1, queueMessages: 2, queueBytes: 3, client: 'app/1' };
    expect((await open(options)).core.options).toEqual({
      token: true, timeout_ms: 1, queue_messages: 2, queue_bytes: 3, client: 'app/1',
    });
  });

  it('asks for the token each time, and passes a refusal on', async () => {
    let asked = 0;
    const { core } = await open({ token: async () => `token ${++asked}` });
    expect([await core.handler.token(), await core.handler.token()]).toEqual(['token 1', 'token 2']);
    const refused = Object.assign(new Error('no'), { name: 'Unauthorized' });
    const failing = await open({ token: () => { throw refused; } });
    await expect(failing.core.handler.token()).rejects.toBe(refused);
  });
});

describe('states', () => {
  it('follow the core', async () => {
    const { client, core } = await open();
    const seen: unknown[] = [];
    const off = client.on('state', (change) => seen.push(change));
    core.welcome();
    expect([client.state, client.channel, client.user]).toEqual(['connected', 'specific.abc!def', 'ada']);
    core.handler.state(0, 4000, 'shutdown', 700);
    expect(client.state).toBe('connecting');
    off();
    core.welcome();
    expect(seen).toEqual([{ state: 'connected' }, { state: 'connecting', code: 4000, reason: 'shutdown', retryIn: 700 }]);
  });

  it('let ready() wait, and an abort end the wait', async () => {
    const { client, core } = await open();
    const abort = new AbortController();
    const aborted = client.ready({ signal: abort.signal });
    const ready = client.ready();
    abort.abort(new Error('enough'));
    await expect(aborted).rejects.toThrow('enough');
    core.welcome();
    await ready;
    await client.ready();
    await expect(client.ready({ signal: abort.signal })).rejects.toThrow('enough');
  });

  it('end for good with an error where the gateway says so', async () => {
    const { client, core } = await open();
    const errors: ChannelLayersError[] = [];
    client.on('error', (error) => errors.push(error));
    const waiting = client.send('specific.x!y', { type: 'a' });
    const ready = client.ready();
    core.handler.state(2, 4503, 'not you', 0);
    const error = { code: 4503, name: 'permission_denied', message: 'not you', temporary: false };
    await expect(waiting).rejects.toMatchObject(error);
    await expect(ready).rejects.toMatchObject(error);
    await expect(client.ready()).rejects.toMatchObject(error);
    await expect(client.join('chat')).rejects.toMatchObject(error);
    expect(errors).toHaveLength(1);
    expect(errors[0]).toMatchObject(error);
    await settled();
    expect(core.freed).toBe(1);
  });

  it('end quietly with close(), twice or by signal or by dispose', async () => {
    const abort = new AbortController();
    const ways: ((client: Client) => unknown)[] = [
      (client) => { client.close(); client.close(); },
      () => abort.abort(),
      (client) => client[Symbol.dispose](),
      (client) => client[Symbol.asyncDispose](),
    ];
    for (const way of ways) {
      const { client, core } = await open(way === ways[1] ? { signal: abort.signal } : {});
      const seen: unknown[] = [];
      client.on('state', (change) => seen.push(change));
      client.on('error', (error) => seen.push(error));
      const waiting = client.send('specific.x!y', { type: 'a' });
      await way(client);
      await expect(waiting).rejects.toMatchObject({ name: 'closed', code: 4 });
      await settled();
      expect(seen).toEqual([{ state: 'closed', code: 4, reason: 'the client was closed' }]);
      expect(core.freed).toBe(1);
    }
  });

  it('tell the console of an error that nobody listens for', async () => {
    const log = vi.spyOn(console, 'error').mockImplementation(() => undefined);
    const { core } = await open();
    core.handler.state(2, 4503, 'not you', 0);
    expect(log).toHaveBeenCalledOnce();
    log.mockRestore();
  });

  it('are closed by a module that does not load', async () => {
    const client = new Client(async () => { throw new Error('no wasm here'); }, 'ws://localhost/ws', {});
    client.on('error', () => undefined);
    await expect(client.ready()).rejects.toMatchObject({ name: 'config', code: 8 });
    expect(client.state).toBe('closed');
  });

  it('are closed before loading ends, without a core', async () => {
    const cores: FakeCore[] = [];
    const client = new Client(async () => fakeBinding(cores), 'ws://localhost/ws', { signal: AbortSignal.abort() });
    await settled();
    expect([client.state, cores.length]).toEqual(['closed', 0]);
  });
});
