/** The guide of examples/django: pages at two gateways and a page at Django hear each other, and what Django's tasks say. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { newPage } from './support/browser.mjs';
import { Chat } from './support/chat.mjs';
import { Django, redis } from './support/django.mjs';
import { Gateway } from './support/program.mjs';

test('pages at two gateways and at Django hear each other', async (t) => {
  const redisUrl = await redis(t);
  const django = await Django.start(t, redisUrl);
  const gateways = [];
  for (let n = 0; n < 2; n += 1) gateways.push(await Gateway.start(t, ['--backend', 'redis', '--redis-url', redisUrl]));
  const ann = await Chat.open(t, gateways[0].url, 'Ann');
  const bob = await Chat.open(t, gateways[1].url, 'Bob');
  const carol = await newPage(t);
  await carol.goto(`${django.url}/lobby/`);

  // The button works once the consumer has joined the room.
  await carol.getByLabel('Message').fill('hello from Django');
  await carol.getByRole('button', { name: 'Send' }).click();
  for (const chat of [ann, bob]) assert.equal(await chat.hears('hello from Django'), 'Django’s page');

  await ann.say('hello from Ann');
  assert.equal(await bob.hears('hello from Ann'), 'Ann');
  await carol.getByText('Ann: hello from Ann').waitFor();

  await django.manage('say', 'lobby', 'hello from a task');
  for (const chat of [ann, bob]) assert.equal(await chat.hears('hello from a task'), 'manage.py');
  await carol.getByText('manage.py: hello from a task').waitFor();

  const said = ['hello from Django', 'hello from Ann', 'hello from a task'];
  for (const chat of [ann, bob]) assert.deepEqual(await chat.texts(), said);
  const items = await carol.getByRole('listitem').allTextContents();
  assert.deepEqual(items.map((item) => item.replace(/^.*?: /, '')), said);
});
