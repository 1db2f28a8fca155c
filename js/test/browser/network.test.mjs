/** The network goes away, or the page sleeps: signs of life from the browser bring the connection back at once. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { joined, openPeer } from './support/peer.mjs';
import { Gateway } from './support/program.mjs';
import { Proxy } from './support/proxy.mjs';

const HOUR = 3_600_000;

// In the first tests the page's clock stands still from when the connection is gone, so no timer brings it back.

test('a page that was offline reconnects when it is online', async (t) => {
  const { page, proxy, publish } = await openBehindProxy(t);
  await page.context().setOffline(true);
  await proxy.cut();
  await page.waitForFunction(() => peer.client.state === 'connecting');
  await stopClock(page);
  await proxy.mend();

  await page.context().setOffline(false);
  await joined(page);
  await publish('online');
  await page.waitForFunction(() => peer.heard.includes('online'));
});

for (const [what, target, event] of [
  ['becomes visible', 'document', ['visibilitychange']],
  ['is resumed after it was frozen', 'document', ['resume']],
  ['comes back', 'window', ['pageshow', { persisted: true }]],
]) {
  test(`a page whose network died in silence reconnects when it ${what}`, async (t) => {
    const { page, proxy, publish } = await openBehindProxy(t);
    await stopClock(page);
    proxy.stall();
    // Asleep for an hour, in which no timer ran.
    await page.clock.setSystemTime(Date.now() + HOUR);
    await proxy.mend();

    await page.evaluate(wake, [target, ...event]);
    await page.waitForFunction(() => peer.states.filter(({ state }) => state === 'connected').length === 2);
    await joined(page);
    await publish(what);
    await page.waitForFunction((text) => peer.heard.includes(text), what);
  });
}

test('a page that comes out of the back/forward cache is connected again', async (t) => {
  const gateway = await Gateway.start(t);
  const page = await openPeer(t, gateway.url, 'network');
  await page.goto(`${gateway.url}/icon.svg`);
  await page.goBack({ waitUntil: 'commit' });
  await page.waitForFunction(() => peer.states.filter(({ state }) => state === 'connected').length === 2);
  await joined(page);
  await gateway.publish('network', { type: 'test.text', text: 'welcome back' });
  await page.waitForFunction(() => peer.heard.includes('welcome back'));
});

test('a page with a connection that works keeps it when it becomes visible', async (t) => {
  const { page, publish } = await openBehindProxy(t);
  await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
  await publish('still here');
  await page.waitForFunction(() => peer.heard.includes('still here'));
  assert.equal(await page.evaluate(() => peer.states.filter(({ state }) => state === 'connected').length), 1);
});

async function openBehindProxy(test) {
  const gateway = await Gateway.start(test);
  const proxy = await Proxy.start(test, gateway.port);
  const page = await openPeer(test, proxy.url, 'network', { prepare: (page) => page.clock.install() });
  const publish = (text) => gateway.publish('network', { type: 'test.text', text });
  return { page, proxy, publish };
}

async function stopClock(page) {
  await page.clock.pauseAt(await page.evaluate(() => Date.now() + 1000)); // Ahead of what it is by then.
}

/** Headless pages are never hidden, so the event is made here; what the page looks like then is real. */
function wake([target, type, options]) {
  globalThis[target].dispatchEvent(options ? new PageTransitionEvent(type, options) : new Event(type));
}
