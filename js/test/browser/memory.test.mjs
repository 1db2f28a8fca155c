/** A thousand reconnects leave the wasm memory, its table of JavaScript values and the page's objects where they were. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';

import { WebSocketServer } from 'ws';

import { openPeer } from './support/peer.mjs';
import { Gateway } from './support/program.mjs';

const RECONNECTS = 1000;

test(`${RECONNECTS} reconnects leave nothing behind`, async (t) => {
  const gateway = await Gateway.start(t);
  const dropping = await startDroppingServer(t);
  const page = await openPeer(t, gateway.url, 'any', { prepare: (page) => page.addInitScript(prepare) });
  const devtools = await page.context().newCDPSession(page);

  await page.evaluate(connectTo, dropping);
  await reconnects(page, 200); // Caches fill and buffers grow once.
  const before = await measure(page, devtools);
  await reconnects(page, 200 + RECONNECTS);
  const after = await measure(page, devtools);
  t.diagnostic(`before ${JSON.stringify(before)}, after ${JSON.stringify(after)}`);

  assert.equal(after.memory, before.memory);
  assert.equal(after.values, before.values);
  assert.ok(after.sockets <= before.sockets + 1, 'WebSockets are kept');
  assert.ok(after.listeners <= before.listeners + 10, 'listeners are kept');
  assert.ok(after.heap < before.heap + RECONNECTS * 100, 'more than 100 bytes per reconnect are kept');
});

/** Accepts, welcomes, hears the group joined again, and cuts. */
async function startDroppingServer(t) {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  t.after(() => server.close());
  server.on('connection', (socket) => {
    socket.on('message', (data) => {
      const { op, id } = JSON.parse(data);
      const limits = { frame: 65_536, groups: 128 };
      const welcome = { op: 'welcome', id, channel: 'gone.x!y', ping: 25, pong: 8, limits, version: '1' };
      if (op === 'connect') socket.send(JSON.stringify(welcome));
      else socket.terminate();
    });
  });
  return `ws://127.0.0.1:${server.address().port}`;
}

/** Keeps the module's exports for measuring, and lets the time between attempts pass at once. */
function prepare() {
  const LONGEST_BACKOFF = 1500; // Where each attempt succeeds. Longer timers are deadlines.
  const { instantiate } = WebAssembly;
  WebAssembly.instantiate = async (...args) => {
    const result = await instantiate(...args);
    globalThis.wasm = (result.instance ?? result).exports;
    return result;
  };
  const { setTimeout } = globalThis;
  const { now } = Date;
  let ahead = 0;
  Date.now = () => now() + ahead;
  globalThis.setTimeout = (run, time, ...args) => {
    if (time > LONGEST_BACKOFF) return setTimeout(run, time, ...args);
    return setTimeout(() => {
      ahead += time;
      run(...args);
    }, 0);
  };
}

async function connectTo(url) {
  peer.client.close();
  const { connect } = await import('/channel-layers.js');
  const client = connect(url);
  client.group('any');
  globalThis.connections = 0;
  client.on('state', ({ state }) => {
    if (state === 'connected') globalThis.connections += 1;
  });
}

async function reconnects(page, count) {
  await page.waitForFunction((count) => globalThis.connections >= count, count, { timeout: 60_000 });
}

async function measure(page, devtools) {
  await devtools.send('HeapProfiler.collectGarbage');
  const { usedSize } = await devtools.send('Runtime.getHeapUsage');
  await devtools.send('Performance.enable');
  const { metrics } = await devtools.send('Performance.getMetrics');
  const listeners = metrics.find(({ name }) => name === 'JSEventListeners').value;
  return { ...(await page.evaluate(inPage)), sockets: await count(devtools, 'WebSocket'), listeners, heap: usedSize };
}

/** The build shortens the names of exports, so they are told by what they are. */
function inPage() {
  const all = (kind) => Object.values(wasm).filter((value) => value instanceof kind);
  const memory = all(WebAssembly.Memory).reduce((sum, memory) => sum + memory.buffer.byteLength, 0);
  const values = all(WebAssembly.Table).reduce((sum, table) => sum + table.length, 0);
  return { memory, values };
}

/** How many objects of a class are alive. */
async function count(devtools, name) {
  const { result } = await devtools.send('Runtime.evaluate', { expression: `${name}.prototype` });
  const { objects } = await devtools.send('Runtime.queryObjects', { prototypeObjectId: result.objectId });
  const args = { objectId: objects.objectId, functionDeclaration: 'function () { return this.length }', returnByValue: true };
  const counted = await devtools.send('Runtime.callFunctionOn', args);
  await devtools.send('Runtime.releaseObject', { objectId: objects.objectId });
  return counted.result.value;
}
