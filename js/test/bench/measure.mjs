/**
 * The measurement itself, the same text in Node and in a browser: messages a second from a socket's `message` event to the
 * application's callback, for each library and size, in rounds that interleave the libraries.
 */

import { FakeSocket } from './socket.mjs';
import { CLIENTS } from './clients.mjs';

const row = (at) => ({ id: at, name: `name ${at}`, price: at * 1.25, tags: ['a', 'b'], open: true, seen: null });

/** Messages that make frames of about the size in our protocol. */
const PAYLOADS = {
  '100 B': (at) => ({ type: 'chat.message', text: `hello there ${at}` }),
  '2 KB': (at) => ({ type: 'table.rows', at, rows: Array.from({ length: 24 }, (_, row_) => row(row_)) }),
};

/** Different frames in turn, so that nothing can be remembered about one. */
const FRAMES = 64;

/** How many events one task holds; the microtasks run after each, as between two events of a browser's. */
const BATCH = 100;

/** `seconds` for each sample; `rounds` of samples. Gives `{ size: { library: [messages a second, …] } }`. */
export async function measure({ rounds, seconds }) {
  const lanes = [];
  // One after the other: each sets the peer of the sockets that it makes.
  for (const [name, open] of Object.entries(CLIENTS)) lanes.push(await Lane.open(name, open));
  const results = {};
  for (const [size, payload] of Object.entries(PAYLOADS)) {
    const messages = Array.from({ length: FRAMES }, (_, at) => payload(at));
    for (const lane of lanes) await lane.prepare(messages, seconds);
    const rates = (results[size] = Object.fromEntries(lanes.map(({ name }) => [name, []])));
    for (let round = 0; round < rounds; round++) {
      // Each begins a round once in a while: whatever disturbs the first does not always meet the same one.
      for (let at = 0; at < lanes.length; at++) {
        const lane = lanes[(at + round) % lanes.length];
        rates[lane.name].push(await lane.run());
      }
    }
  }
  return results;
}

class Lane {
  #socket;
  #write;
  #frames;
  #count = 0;
  #heard = 0;
  #last;
  #wanted = 0;
  #done;

  static async open(name, open) {
    const lane = new Lane();
    lane.name = name;
    lane.#write = await open((message) => lane.#hear(message));
    lane.#socket = FakeSocket.last;
    return lane;
  }

  /** Warms up, checks that the application gets what was sent, and finds out how many messages fill `seconds`. */
  async prepare(messages, seconds) {
    this.#frames = messages.map(this.#write);
    this.#count = FRAMES;
    await this.run();
    const wanted = JSON.stringify(messages[FRAMES - 1]);
    const got = JSON.stringify(this.#last);
    if (got !== wanted && this.name !== 'event alone') throw new Error(`${this.name} delivered ${got} for ${wanted}`);
    // Some clocks of browsers have steps of a tenth of a millisecond.
    for (let took = 0; took < seconds; took = this.#count / await this.run()) this.#count *= 2;
  }

  /** One sample: messages a second. */
  async run() {
    [this.#heard, this.#wanted] = [0, this.#count];
    const done = new Promise((resolve) => { this.#done = resolve; });
    const [socket, frames] = [this.#socket, this.#frames];
    const start = clock();
    for (let at = 0; at < this.#count; at++) {
      socket.receive(frames[at % FRAMES]);
      await undefined;
      if (at % BATCH === BATCH - 1) await turn();
    }
    await done;
    return (1000 * this.#count) / (clock() - start);
  }

  #hear(message) {
    this.#last = message;
    this.#heard += 1;
    if (this.#heard === this.#wanted) this.#done();
  }
}

/** Milliseconds: of the processor's where the platform tells, so that other programs' turns on it do not count. */
function clock() {
  if (!globalThis.process) return performance.now();
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

const channel = globalThis.setImmediate ? undefined : new MessageChannel();

/** Lets the platform's other tasks run. */
function turn() {
  return new Promise((resolve) => {
    if (!channel) return setImmediate(resolve);
    channel.port1.onmessage = resolve;
    channel.port2.postMessage(0);
  });
}
