// One group, two directions: what anybody sends to `notices` is listed, and the form sends to it.

import { connect } from 'channel-layers';

const byId = (id) => document.getElementById(id);

// The gateway listens elsewhere than the server of this page, so its address is written in full.
const gateway = new URLSearchParams(location.search).get('gateway') ?? 'ws://127.0.0.1:8000/ws';
const client = connect(gateway);

client.on('state', ({ state, reason, retryIn }) => {
  const details = { connecting: `trying again in ${Math.ceil(retryIn / 1000)} s`, closed: reason };
  byId('state').textContent = state in details ? `${state} (${details[state]})` : state;
});

const notices = client.group('notices');

byId('post').addEventListener('submit', async (event) => {
  event.preventDefault();
  try {
    await notices.send({ type: 'notice.posted', text: byId('text').value });
    byId('problem').textContent = '';
    event.target.reset();
  } catch (error) {
    byId('problem').textContent = `Not posted: ${error.message}`;
  }
});

// Reconnects, and joins the group again, for as long as the page lives.
for await (const notice of notices) {
  const item = document.createElement('li');
  item.textContent = notice.text;
  byId('notices').append(item);
}
