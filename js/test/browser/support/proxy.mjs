/** A TCP proxy that stands for the network between a page and the gateway. A test cuts it, lets it stall and mends it. */

import net from 'node:net';
import { once } from 'node:events';

export class Proxy {
  #server;
  #port;
  #target;
  #pairs = new Set();
  #stalled = false;

  static async start(test, target) {
    const proxy = new Proxy();
    proxy.#target = target;
    await proxy.mend();
    test.after(() => proxy.cut());
    return proxy;
  }

  get url() {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Ends every connection and refuses new ones. */
  async cut() {
    for (const socket of this.#pairs) socket.destroy();
    if (!this.#server?.listening) return;
    this.#server.close();
    await once(this.#server, 'close');
  }

  /** Swallows everything from now on and tells nobody, as a network does that went away. */
  stall() {
    this.#stalled = true;
    for (const socket of this.#pairs) socket.pause();
  }

  /** Accepts new connections; those that stalled stay dead. */
  async mend() {
    this.#stalled = false;
    if (this.#server?.listening) return;
    this.#server = net.createServer({ pauseOnConnect: true }, (near) => this.#accept(near));
    this.#server.listen(this.#port ?? 0, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = this.#server.address().port;
  }

  #accept(near) {
    const far = net.connect(this.#target, '127.0.0.1');
    for (const [from, to] of [[near, far], [far, near]]) {
      this.#pairs.add(from);
      from.on('error', () => {}); // It closes next, and that is handled.
      from.on('close', () => {
        this.#pairs.delete(from);
        to.destroy();
      });
      from.on('data', (bytes) => to.write(bytes));
    }
    if (this.#stalled) return;
    near.resume();
  }
}
