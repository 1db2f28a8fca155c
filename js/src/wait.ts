/** A promise that an `AbortSignal` can end. */

export interface Settle<T> {
  resolve(value: T): void;
  reject(reason: unknown): void;
}

/**
 * Starts something and waits for it. `start` returns how to call it off; that runs when the signal is aborted before
 * the promise is settled, and what it calls off must not settle it any more.
 */
export function wait<T>(signal: AbortSignal | undefined, start: (settle: Settle<T>) => () => void): Promise<T> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const done = () => signal?.removeEventListener('abort', abort);
    const cancel = start({
      resolve: (value) => { done(); resolve(value); },
      reject: (reason) => { done(); reject(reason); },
    });
    function abort(): void {
      cancel();
      reject(signal?.reason);
    }
    signal?.addEventListener('abort', abort, { once: true });
  });
}
