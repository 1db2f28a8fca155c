// One group, two directions: what anybody sends to `chat.lobby` is listed, and the form sends to it.

import { connect } from 'channel-layers';

const byId = (id) => document.getElementById(id);

// The gateway is not the server of this page, so its address is written in full.
const client = connect(new URLSearchParams(location.search).get('gateway') ?? 'ws://127.0.0.1:8000/ws');

client.on('state', ({ state, reason, retryIn }) => {
  const details = { connecting: `, trying again in ${Math.ceil(retryIn / 1000)} s`, closed: `: ${reason}` };
  byId('state').textContent = state + (retryIn === 0 ? '' : (details[state] ?? ''));
});

// Joined in the background, and again after each reconnect.
const lobby = client.group('chat.lobby');

lobby.on('chat.message', ({ from = 'anonymous', text }) => {
  const item = document.createElement('li');
  item.textContent = `${from}: ${text}`;
  byId('messages').append(item);
});

byId('composer').addEventListener('submit', async (event) => {
  event.preventDefault();
  try {
    await lobby.send({ type: 'chat.message', from: 'a page', text: byId('text').value });
    byId('problem').textContent = '';
    event.target.reset();
  } catch (error) {
    byId('problem').textContent = `Not sent: ${error.message}`;
  }
});
