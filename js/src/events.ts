/**
 * Callbacks of the application.
 *
 * One that throws is reported as an uncaught error and keeps neither the others nor the connection from working. A
 * callback that is added or removed during a call counts from the next one on.
 */

/** Takes a callback away again; calling it twice does nothing. */
export type Unsubscribe = () => void;

/** Callbacks for one kind of event. */
export class Listeners<T> {
  #list: readonly { readonly call: (value: T) => void }[] = [];

  get size(): number {
    return this.#list.length;
  }

  /** Adding the same function twice gives two independent entries. */
  add(call: (value: T) => void): Unsubscribe {
    const entry = { call };
    this.#list = [...this.#list, entry];
    return () => {
      this.#list = this.#list.filter((other) => other !== entry);
    };
  }

  emit(value: T): void {
    for (const { call } of this.#list) {
      try {
        call(value);
      } catch (error) {
        report(error);
      }
    }
  }
}

/** Reports an error as the platform does for one that nobody caught. */
function report(error: unknown): void {
  if (typeof reportError === 'function') reportError(error);
  else queueMicrotask(() => { throw error; });
}
