/** The live view: beside the chat, and at /admin behind a key. */

import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { newPage } from './support/browser.mjs';
import { Chat } from './support/chat.mjs';
import { Gateway } from './support/program.mjs';

const PICTURES = fileURLToPath(new URL('../screenshots/', import.meta.url));

await mkdir(PICTURES, { recursive: true });

/** Waits until a chart's number is so. */
async function shows(page, chart, value) {
  const figure = page.locator('channel-layers-live figure', { hasText: chart });
  await figure.locator('output', { hasText: value }).waitFor();
}

test('the charts beside the chat follow what happens', async (t) => {
  const gateway = await Gateway.start(t);
  const ann = await Chat.open(t, gateway.url, 'Ann');
  await ann.page.getByText('Live view of the gateway').click();
  await shows(ann.page, 'Connections', /^1$/);
  await shows(ann.page, 'Groups', /^1$/);
  const bob = await Chat.open(t, gateway.url, 'Bob');
  await bob.enter('random');
  await shows(ann.page, 'Connections', /^2$/);
  await shows(ann.page, 'Groups', /^2$/);
  await shows(ann.page, 'Deliveries', /^0\/s$/);
  const deliveries = ann.page.locator('channel-layers-live figure', { hasText: 'Deliveries' }).locator('output');
  // Watched from before: a rate is shown for a second.
  const rate = deliveries.evaluate(
    (output) =>
      new Promise((resolve) => {
        const look = () => output.textContent.startsWith('0/') || resolve(output.textContent);
        new MutationObserver(look).observe(output, { childList: true });
      }),
  );
  await ann.say('hello');
  const seen = await rate;
  assert.match(seen, /^\d+(\.\d)?\/s$/);
  await ann.page.screenshot({ path: `${PICTURES}live.png` });
});

test('the page at /admin asks for the key, and has no error with it', async (t) => {
  const key = 'an-admin-key-of-the-tests';
  const gateway = await Gateway.start(t, ['--admin-keys', key]);
  const without = await newPage(t);
  assert.equal((await without.request.get(`${gateway.url}/admin`)).status(), 401);
  const page = await newPage(t, { httpCredentials: { username: 'operator', password: key } });
  await page.goto(`${gateway.url}/admin`);
  await shows(page, 'Connections', /^0$/);
  await page.getByText(/^Ready · up /).waitFor();
  await page.screenshot({ path: `${PICTURES}admin.png` });
  await gateway.stop('SIGTERM');
  await page.getByText(/^No answer: /).waitFor();
});
