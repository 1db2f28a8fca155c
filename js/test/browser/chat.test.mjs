/** Two pages and the shell talk through the gateway, in both directions. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Chat } from './support/chat.mjs';
import { Gateway, shell } from './support/program.mjs';

test('two pages hear each other', async (t) => {
  const gateway = await Gateway.start(t);
  const ann = await Chat.open(t, gateway.url, 'Ann');
  const bob = await Chat.open(t, gateway.url, 'Bob');

  await ann.say('hello Bob');
  assert.equal(await bob.hears('hello Bob'), 'Ann');
  await bob.say('hello Ann <b>&amp;</b>');
  assert.equal(await ann.hears('hello Ann <b>&amp;</b>'), 'Bob');

  const both = ['hello Bob', 'hello Ann <b>&amp;</b>'];
  assert.deepEqual(await ann.texts(), both);
  assert.deepEqual(await bob.texts(), both);
});

test('the shell publishes to the pages, with both commands that the page shows', async (t) => {
  const gateway = await Gateway.start(t);
  const ann = await Chat.open(t, gateway.url, 'Ann');
  const bob = await Chat.open(t, gateway.url, 'Bob');

  await gateway.publish('chat.lobby', { type: 'chat.message', from: 'cron', text: 'the backup is done' });
  for (const chat of [ann, bob]) assert.equal(await chat.hears('the backup is done'), 'cron');

  for (const [room, command] of [['help', '#shell-command'], ['random', '#curl-command']]) {
    for (const chat of [ann, bob]) await chat.enter(room);
    await shell(t, await ann.page.locator(command).textContent());
    for (const chat of [ann, bob]) assert.equal(await chat.hears('hello from the shell'), 'anonymous');
  }
});

test('`listen` prints what a page sends', async (t) => {
  const gateway = await Gateway.start(t);
  const ann = await Chat.open(t, gateway.url, 'Ann');
  let line;
  const listening = gateway.listen(['chat.lobby']).next();
  const heard = listening.then(({ value }) => (line = value), (error) => (line = { message: {}, error }));
  // Nobody says when `listen` has joined, so Ann repeats herself until it has.
  const said = [];
  while (!line) {
    said.push(`can you hear me? ${said.length}`);
    await ann.say(said.at(-1));
  }
  await heard;
  const { text, id, ...message } = line.message;
  assert.ok(said.includes(text));
  assert.equal(typeof id, 'string');
  assert.deepEqual({ ...line, message }, { group: 'chat.lobby', message: { type: 'chat.message', from: 'Ann' } });
});

test('rooms are apart, count what is unread and can be made and left', async (t) => {
  const gateway = await Gateway.start(t);
  const ann = await Chat.open(t, gateway.url, 'Ann');
  const bob = await Chat.open(t, gateway.url, 'Bob', { room: 'tea.time' });

  await ann.page.getByRole('button', { name: 'New room' }).click();
  await ann.page.getByRole('textbox', { name: 'Name' }).fill('tea time');
  await ann.page.getByRole('button', { name: 'Join room' }).click();
  await ann.page.getByText('invalid group name').waitFor();
  await ann.page.getByRole('textbox', { name: 'Name' }).fill('tea.time');
  await ann.page.keyboard.press('Enter');
  await ann.joined('tea.time');
  await bob.say('the kettle is on');
  await ann.hears('the kettle is on');

  await ann.enter('lobby');
  assert.deepEqual(await ann.texts(), []);
  await bob.say('and off');
  await bob.say('and on again');
  await ann.page.getByRole('link', { name: 'tea.time 2 unread' }).waitFor();
  assert.match(await ann.page.title(), /^\(2\) lobby/);
  await ann.page.getByRole('link', { name: 'tea.time' }).click();
  await ann.page.getByRole('link', { name: 'tea.time', exact: true }).waitFor();
  assert.deepEqual(await ann.texts(), ['the kettle is on', 'and off', 'and on again']);

  await ann.page.getByRole('button', { name: 'Leave' }).click();
  await ann.page.getByRole('link', { name: 'tea.time' }).waitFor({ state: 'detached' });
});

test('a name is kept, and shown to others', async (t) => {
  const gateway = await Gateway.start(t);
  const ann = await Chat.open(t, gateway.url, 'Ann');
  const bob = await Chat.open(t, gateway.url, 'Bob');
  await bob.page.getByRole('button', { name: 'You are Bob' }).click();
  await bob.page.getByRole('textbox', { name: 'Name' }).fill('Robert');
  await bob.page.keyboard.press('Enter');
  await bob.say('new name');
  assert.equal(await ann.hears('new name'), 'Robert');
});

test('a connection that is ended for good is told, and can be opened again', async (t) => {
  const gateway = await Gateway.start(t);
  const sockets = [];
  const prepare = (page) => page.routeWebSocket('**/ws', (socket) => {
    socket.connectToServer();
    sockets.push(socket);
  });
  const ann = await Chat.open(t, gateway.url, 'Ann', { prepare });
  await ann.say('before');
  await sockets[0].close({ code: 4505, reason: 'closing time' });

  await ann.connection('closed');
  await ann.page.getByText('The gateway ended the connection: closing time (4505).').waitFor();
  await ann.type('into the void');
  await ann.delivery('into the void', 'failed');
  await ann.page.getByRole('button', { name: 'Connect again' }).click();
  await ann.joined('lobby');
  await ann.page.getByRole('button', { name: 'Retry' }).click();
  await ann.delivery('into the void', 'sent');
  assert.deepEqual(await ann.texts(), ['before', 'into the void']);
});
