/** Pictures of the chat page for people to look at, and what can be checked about its looks without looking. */

import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { Chat } from './support/chat.mjs';
import { Gateway } from './support/program.mjs';

const PICTURES = fileURLToPath(new URL('../screenshots/', import.meta.url));
const SCREENS = {
  phone: { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true },
  desktop: { viewport: { width: 1280, height: 800 } },
};

await mkdir(PICTURES, { recursive: true });

for (const [screen, size] of Object.entries(SCREENS)) {
  for (const colorScheme of ['light', 'dark']) {
    test(`the page on a ${screen}, ${colorScheme}`, async (t) => {
      const gateway = await Gateway.start(t);
      const ann = await Chat.open(t, gateway.url, 'Quiet Heron', { ...size, colorScheme, reducedMotion: 'reduce' });
      const shoot = (what) => ann.page.screenshot({ path: `${PICTURES}${screen}-${colorScheme}-${what}.png` });
      await shoot('empty');

      await fill(t, gateway, ann);
      await shoot('connected');
      await assertFits(ann.page);

      await gateway.stop('SIGKILL');
      await ann.page.locator('#countdown', { hasText: /in \d+ s/ }).waitFor();
      await ann.type('typed while the gateway is away');
      await ann.delivery('typed while the gateway is away', 'sending');
      await shoot('reconnecting');
    });
  }
}

test('the page fits the smallest phones', async (t) => {
  const gateway = await Gateway.start(t);
  const viewport = { width: 320, height: 480 };
  const ann = await Chat.open(t, gateway.url, 'Somebody with a rather long name', { ...SCREENS.phone, viewport });
  await fill(t, gateway, ann);
  await assertFits(ann.page);
  await ann.page.getByText('Publish from the shell', { exact: true }).click();
  await assertFits(ann.page);
  const composer = await ann.page.locator('#composer').boundingBox();
  assert.ok(composer.y + composer.height <= viewport.height, 'there is nowhere to write');
  await ann.page.screenshot({ path: `${PICTURES}small-phone.png` });
});

async function assertFits(page) {
  const [content, screen] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.equal(content, screen, 'the page scrolls sideways');
}

/** A conversation with every kind of message, and one room with something unread. */
async function fill(t, gateway, ann) {
  await ann.enter('random');
  await ann.enter('lobby');
  const otter = await Chat.open(t, gateway.url, 'Amber Otter');
  await otter.say('Morning! Is the new gateway up?');
  await otter.say('I see two tabs in here already.');
  await ann.say('Yes, for ten minutes. Restarted it twice while typing this, and nobody noticed.');
  await gateway.publish('chat.lobby', { type: 'chat.message', text: 'hello from the shell' });
  await otter.enter('random');
  await otter.say('anyone for tea?');
  await ann.page.getByRole('link', { name: 'random 1 unread' }).waitFor();
}
