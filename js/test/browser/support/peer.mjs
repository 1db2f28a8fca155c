/** A page with nothing on it but the package, for what the chat page has no words for. */

import { newPage } from './browser.mjs';

/**
 * Opens a page of the gateway's origin that has a client in `peer.client`, a handle on `group` in `peer.group`, and keeps
 * what happens: `states` of the connection, texts `heard` in the group and texts of which `acked` tells the order.
 */
export async function openPeer(test, url, group, { connect = {}, prepare, ...options } = {}) {
  const page = await newPage(test, options);
  await prepare?.(page);
  await page.goto(`${url}/healthz`); // Of the gateway's origin, and empty.
  await page.evaluate(start, { group, options: connect });
  await joined(page);
  return page;
}

/** Waits until the page's client is a member of its group. */
export async function joined(page) {
  await page.waitForFunction(() => peer.client.state === 'connected' && peer.group.state === 'joined');
}

async function start({ group: name, options }) {
  const { connect } = await import('/channel-layers.js');
  const client = connect('/ws', options);
  const group = client.group(name);
  const peer = { client, group, states: [], heard: [], acked: [] };
  client.on('state', (change) => peer.states.push(change));
  group.on('test.text', ({ text }) => peer.heard.push(text));
  peer.send = async (text) => {
    await group.send({ type: 'test.text', text });
    peer.acked.push(text);
  };
  globalThis.peer = peer;
}
