/** A `WebSocket` without a network: the gateway's side is called by the test, at once and in the same thread. */

export class FakeSocket extends EventTarget {
  static readonly opened: FakeSocket[] = [];
  static readonly CONNECTING = 0;
  static readonly OPEN = 1;

  readonly frames: Record<string, unknown>[] = [];
  readyState = 0;
  binaryType = 'blob';
  readonly bufferedAmount = 0;

  constructor(readonly url: string, readonly protocol: string) {
    super();
    FakeSocket.opened.push(this);
  }

  /** The client sends. */
  send(text: string): void {
    this.frames.push(JSON.parse(text));
  }

  close(code = 1000, reason = ''): void {
    this.readyState = 3;
    queueMicrotask(() => this.#emit(closeEvent(code, reason)));
  }

  /** The connection is there. */
  open(): void {
    this.readyState = 1;
    this.#emit(new Event('open'));
  }

  /** The gateway sends a frame. */
  receive(frame: object | string): void {
    this.#emit(new MessageEvent('message', { data: typeof frame === 'string' ? frame : JSON.stringify(frame) }));
  }

  #emit(event: Event): void {
    this.dispatchEvent(event);
  }
}

/** Node has no `CloseEvent` before version 23. */
function closeEvent(code: number, reason: string): Event {
  return Object.assign(new Event('close'), { code, reason, wasClean: true });
}
