/**
 * The network goes away and the page sleeps: signs of life from the browser bring the connection back at once.
 *
 * The page's clock stands still in these tests from when the connection is gone, so no timer can be what brings it back.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { joined, openPeer } from './support/peer.mjs';
import { Gateway } from './support/program.mjs';
import { Proxy } from './support/proxy.mjs';

const HOUR = 3_600_000;

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

for (const [what, wake] of [
  ['becomes visible', (page) => page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')))],
  ['comes out of the back/forward cache', (page) => page.evaluate(() => dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true })))],
  ['is resumed after it was frozen', freezeAndResume],
]) {
  test(`a page whose network died in silence reconnects when it ${what}`, async (t) => {
    const { page, proxy, publish } = await openBehindProxy(t);
    await stopClock(page);
    proxy.stall();
    // Asleep for an hour, in which no timer ran.
    await page.clock.setSystemTime(Date.now() + HOUR);
    await proxy.mend();

    await wake(page);
    await page.waitForFunction(() => peer.states.filter(({ state }) => state === 'connected').length === 2);
    await joined(page);
    await publish(what);
    await page.waitForFunction((text) => peer.heard.includes(text), what);
  });
}

test('a page with a connection that works keeps it when it becomes visible', async (t) => {
  const { page, publish } = await openBehindProxy(t);
  await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
  await publish('still here');
  await page.waitForFunction(() => peer.heard.includes('still here'));
  assert.deepEqual(await page.evaluate(() => peer.states.map(({ state }) => state)), ['connected']);
});

async function openBehindProxy(test) {
  const gateway = await Gateway.start(test);
  const proxy = await Proxy.start(test, gateway.port);
  const page = await openPeer(test, proxy.url, 'network', { prepare: (page) => page.clock.install() });
  const publish = (text) => gateway.publish('network', { type: 'test.text', text });
  return { page, proxy, publish };
}

async function stopClock(page) {
  await page.clock.pauseAt(await page.evaluate(() => Date.now() + 1));
}

async function freezeAndResume(page) {
  const devtools = await page.context().newCDPSession(page);
  await devtools.send('Page.setWebLifecycleState', { state: 'frozen' });
  await devtools.send('Page.setWebLifecycleState', { state: 'active' });
}
