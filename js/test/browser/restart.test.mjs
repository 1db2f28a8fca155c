/** The gateway goes away and comes back on the same port. Pages find their way back by themselves and tell what happens. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Chat } from './support/chat.mjs';
import { joined, openPeer } from './support/peer.mjs';
import { Gateway } from './support/program.mjs';

for (const [signal, exit] of [['SIGKILL', null], ['SIGTERM', 0]]) {
  test(`pages chat on after the gateway got ${signal}`, async (t) => {
    const gateway = await Gateway.start(t);
    const ann = await Chat.open(t, gateway.url, 'Ann');
    const bob = await Chat.open(t, gateway.url, 'Bob');
    const before = await converse(ann, bob, 'before');

    assert.equal(await gateway.stop(signal), exit);
    for (const chat of [ann, bob]) {
      await chat.connection('connecting');
      await chat.page.getByText('Reconnecting', { exact: true }).waitFor();
    }
    await gateway.start();
    for (const chat of [ann, bob]) {
      await chat.connection('connected');
      await chat.page.getByText(/^Back after \d+ s away$/).waitFor();
    }

    const after = await converse(ann, bob, 'after');
    for (const chat of [ann, bob]) assert.deepEqual(await chat.texts(), [...before, ...after]);
  });
}

test('what was acknowledged until an orderly stop had ended reaches the others, once and in order', async (t) => {
  const gateway = await Gateway.start(t);
  const ann = await openPeer(t, gateway.url, 'stream');
  const bob = await openPeer(t, gateway.url, 'stream');

  await ann.evaluate(() => {
    const stream = async (lane) => {
      for (let n = 0; peer.client.state === 'connected'; n += 1) await peer.send(`${lane} ${n}`).catch(() => {});
    };
    for (let lane = 0; lane < 16; lane += 1) stream(lane);
  });
  await ann.waitForFunction(() => peer.acked.length > 500);
  assert.equal(await gateway.stop('SIGTERM'), 0);
  for (const page of [ann, bob]) await page.waitForFunction(() => peer.client.state === 'connecting');
  const acked = await ann.evaluate(() => peer.acked);
  const heard = await bob.evaluate(() => peer.heard);
  const missing = acked.filter((text) => !heard.includes(text));
  assert.deepEqual(missing, [], `${missing.length} of ${acked.length} are missing`);
  assertInOrder(heard);
});

test('what was sent while the gateway was away is delivered once it is back', async (t) => {
  const gateway = await Gateway.start(t);
  const ann = await openPeer(t, gateway.url, 'queue', { connect: { timeout: 20_000 } });
  await gateway.stop('SIGKILL');
  await ann.waitForFunction(() => peer.client.state === 'connecting');
  await ann.evaluate(() => {
    for (let n = 0; n < 100; n += 1) peer.send(`0 ${n}`);
  });
  await gateway.start();
  // Groups are joined again before requests go out, so the sender hears itself.
  await ann.waitForFunction(() => peer.heard.length === 100 && peer.acked.length === 100);
  assertInOrder(await ann.evaluate(() => peer.heard));
});

test('what cannot be sent in time is rejected with a reason, and the chat page offers to retry', async (t) => {
  const gateway = await Gateway.start(t);
  const ann = await openPeer(t, gateway.url, 'queue', { connect: { timeout: 200, queueMessages: 2 } });
  const chat = await Chat.open(t, gateway.url, 'Ann', { prepare: (page) => page.clock.install() });
  await gateway.stop('SIGKILL');
  await ann.waitForFunction(() => peer.client.state === 'connecting');
  const outcomes = await ann.evaluate(async () => {
    const settled = await Promise.allSettled([1, 2, 3].map((n) => peer.send(`0 ${n}`)));
    return settled.map(({ reason }) => reason && { name: reason.name, temporary: reason.temporary, said: reason.message !== '' });
  });
  const timeout = { name: 'timeout', temporary: true, said: true };
  assert.deepEqual(outcomes, [timeout, timeout, { name: 'queue_full', temporary: true, said: true }]);

  await chat.connection('connecting');
  await chat.type('too late');
  await chat.delivery('too late', 'sending');
  await chat.page.clock.fastForward('01:00');
  await chat.delivery('too late', 'failed');
  await gateway.start();
  await chat.connection('connected');
  await chat.page.getByRole('button', { name: 'Retry' }).click();
  await chat.delivery('too late', 'sent');
});

/** Ten messages in turn, each seen by the other before the next; returns their texts. */
async function converse(ann, bob, when) {
  const texts = [];
  for (let n = 0; n < 5; n += 1) {
    for (const [speaker, listener] of [[ann, bob], [bob, ann]]) {
      const text = `${when} ${texts.length}`;
      await speaker.say(text);
      await listener.hears(text);
      texts.push(text);
    }
  }
  return texts;
}

/** Texts are `<lane> <number>`: in each lane numbers rise and none comes twice. */
function assertInOrder(texts) {
  const last = new Map();
  for (const text of texts) {
    const [lane, number] = text.split(' ').map(Number);
    assert.ok(number > (last.get(lane) ?? -1), `${text} came after ${last.get(lane)}`);
    last.set(lane, number);
  }
}
