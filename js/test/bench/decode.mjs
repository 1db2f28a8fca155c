/**
 * How many messages a second go from a socket's event to the application's callback, through a WebSocket without a
 * network: `node test/bench/decode.mjs`, after `scripts/npm`. The best and the median of the rounds; beside it what plain
 * JavaScript takes to parse the same frames and call the same callback.
 */

import { connect } from '../../../pkg/dist/index.js';

const ROUNDS = 9;
const TARGET_BYTES = 10_000_000;

class Socket extends EventTarget {
  static CONNECTING = 0;
  readyState = 0;
  bufferedAmount = 0;
  constructor() {
    super();
    Socket.last = this;
    setTimeout(() => {
      this.readyState = 1;
      this.dispatchEvent(new Event('open'));
    });
  }
  send(text) {
    const { op, id, group } = JSON.parse(text);
    const limits = { frame: 65536, groups: 9 };
    if (op === 'connect') this.receive(JSON.stringify({ op: 'welcome', id, channel: 'a.b!c', ping: 1000, pong: 10, limits, version: 'bench' }));
    else if (id) this.receive(JSON.stringify({ op: 'ok', id, group }));
  }
  receive(data) {
    setTimeout(() => this.dispatchEvent(new MessageEvent('message', { data })));
  }
  close() {}
}
globalThis.WebSocket = Socket;

const row = (at) => ({ id: at, name: `name ${at}`, price: at * 1.25, tags: ['a', 'b'], open: true, seen: null });
const PAYLOADS = {
  '100 B': { type: 'chat.message', text: 'hello there' },
  '2 KB': { type: 'table.rows', rows: Array.from({ length: 22 }, (_, at) => row(at)) },
};

const client = connect('ws://bench/ws', { buffer: 1 });
const group = await client.join('bench.group');
let received = 0;
let wanted = 0;
let done = () => {};
group.on('*', () => {
  received += 1;
  if (received === wanted) done();
});

/** Runs once around: hands over `count` frames as a socket would, and waits for the last callback. */
async function viaClient(frame, count) {
  [received, wanted] = [0, count];
  const finished = new Promise((resolve) => { done = resolve; });
  const start = performance.now();
  for (let at = 0; at < count; at++) {
    Socket.last.dispatchEvent(new MessageEvent('message', { data: frame }));
    // A browser gives each frame a task of its own; every hundredth is enough to let the client run.
    if (at % 100 === 99) await new Promise((resolve) => setImmediate(resolve));
  }
  await finished;
  return count / (performance.now() - start);
}

async function viaPlain(frame, count) {
  const target = new EventTarget();
  let seen = 0;
  const callbacks = new Map([['bench.group', () => { seen += 1; }]]);
  target.addEventListener('message', ({ data }) => {
    const { group, message } = JSON.parse(data);
    callbacks.get(group)(message);
  });
  const start = performance.now();
  for (let at = 0; at < count; at++) {
    target.dispatchEvent(new MessageEvent('message', { data: frame }));
    if (at % 100 === 99) await new Promise((resolve) => setImmediate(resolve));
  }
  return seen / (performance.now() - start);
}

for (const [title, message] of Object.entries(PAYLOADS)) {
  const frame = JSON.stringify({ op: 'message', group: 'bench.group', message });
  const count = Math.ceil(TARGET_BYTES / frame.length / 100) * 100;
  const results = { client: [], plain: [] };
  for (let round = 0; round < ROUNDS; round++) {
    results.client.push(await viaClient(frame, count));
    results.plain.push(await viaPlain(frame, count));
  }
  for (const [name, rates] of Object.entries(results)) {
    rates.sort((a, b) => b - a);
    const [best, median] = [rates[0], rates[ROUNDS >> 1]].map((rate) => `${rate.toFixed(1)} k/s`.padStart(12));
    console.log(`${title.padEnd(6)} (${frame.length} B)  ${name.padEnd(8)} best ${best}  median ${median}`);
  }
}
process.exit(0);
