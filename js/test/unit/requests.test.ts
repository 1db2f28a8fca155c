/** Requests: answers, refusals, aborts, what a message may hold. */

import { describe, expect, it } from 'vitest';
import { decode, encode } from '../../src/codec.js';
import { open } from '../support/fake.js';

describe('requests', () => {
  it('resolve and reject as the gateway answers', async () => {
    const { client, core } = await open();
    const first = client.send('specific.x!y', { type: 'a' });
    const second = client.groupSend('chat', { type: 'b' });
    core.handler.reply(2, 110, 'too_many_requests', 'slow down', true, 1500);
    core.ok(1);
    await first;
    await expect(second).rejects.toMatchObject({
      code: 110, name: 'too_many_requests', message: 'slow down', temporary: true, retryAfter: 1500,
    });
  });

  it('reject with what the core threw', async () => {
    const { client, core } = await open();
    core.refuse = { code: 5, name: 'invalid_name', message: 'a group name is …', temporary: false };
    await expect(client.groupSend('no such', { type: 'a' })).rejects.toMatchObject({ code: 5, name: 'invalid_name' });
  });

  it('are forgotten by the core when aborted', async () => {
    const { client, core } = await open();
    const abort = new AbortController();
    const sent = client.send('specific.x!y', { type: 'a' }, { signal: abort.signal });
    abort.abort();
    await expect(sent).rejects.toMatchObject({ name: 'AbortError' });
    expect(core.calls.at(-1)).toEqual(['cancel', 1]);
    const count = core.calls.length;
    await expect(client.send('specific.x!y', { type: 'a' }, { signal: abort.signal })).rejects.toMatchObject({ name: 'AbortError' });
    expect(core.calls.length).toBe(count);
  });

  it('are not called off by an abort after the answer', async () => {
    const { client, core } = await open();
    const abort = new AbortController();
    const sent = client.send('specific.x!y', { type: 'a' }, { signal: abort.signal });
    core.ok();
    await sent;
    abort.abort();
    expect(core.calls).toHaveLength(1);
  });

  it('refuse what JSON cannot hold', async () => {
    const { client } = await open();
    const circle: Record<string, unknown> = {};
    circle.self = circle;
    for (const value of [10n, circle]) {
      await expect(client.groupSend('chat', { type: 'a', value })).rejects.toMatchObject({ name: 'invalid_message', code: 6 });
    }
  });
});

describe('byte strings', () => {
  const bytes = Uint8Array.from({ length: 20_000 }, (_, at) => at % 256);

  it('survive the way there and back, at any depth', () => {
    const message = { type: 'file', data: bytes, list: [1, { more: new Uint8Array() }], node: Buffer.from('hi') };
    const text = encode(message);
    expect(text).toContain('"node":{"$bytes":"aGk="}');
    expect(decode(text)).toEqual({ ...message, node: new Uint8Array([104, 105]) });
  });

  it('leave what only looks like one as it is', () => {
    for (const text of ['{"a":"\\"$bytes\\""}', '{"a":{"$bytes":1}}', '{"a":{"$bytes":"aGk=","b":1}}', '{"a":{"$bytes":"%"}}']) {
      expect(decode(text)).toEqual(JSON.parse(text));
    }
  });
});
