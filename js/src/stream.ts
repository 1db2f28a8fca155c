/**
 * A bounded queue between callbacks and `for await`.
 *
 * It never loses a value silently: when the reader is more than `limit` values behind, what is queued is still
 * delivered, in order and without a gap, and then the iteration ends with `lagged`.
 */

import { local } from './errors.js';
import type { Settle } from './wait.js';

export class Stream<T> implements AsyncIterableIterator<T> {
  #queue: T[] = [];
  #readers: Settle<IteratorResult<T>>[] = [];
  #ended = false;
  #error: Error | undefined;
  readonly #limit: number;
  readonly #onEnd: (stream: this) => void;

  /** `onEnd` runs once, when no further value is wanted. */
  constructor(limit: number, onEnd: (stream: Stream<T>) => void) {
    this.#limit = limit;
    this.#onEnd = onEnd;
  }

  push(value: T): void {
    const reader = this.#readers.shift();
    if (reader) reader.resolve({ value, done: false });
    else if (this.#queue.length < this.#limit) this.#queue.push(value);
    else this.end(local('lagged', `more than ${this.#limit} messages waited for this iteration`));
  }

  /** No value comes any more. The reader gets what is queued, then `error` where there is one. */
  end(error?: Error): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    this.#onEnd(this);
    for (const reader of this.#readers.splice(0)) this.#finish(reader);
  }

  next(): Promise<IteratorResult<T>> {
    return new Promise((resolve, reject) => {
      const reader = { resolve, reject };
      if (this.#queue.length > 0) resolve({ value: this.#queue.shift() as T, done: false });
      else if (this.#ended) this.#finish(reader);
      else this.#readers.push(reader);
    });
  }

  return(): Promise<IteratorResult<T>> {
    this.#queue = [];
    this.end();
    this.#error = undefined;
    return this.next();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** The error goes to one reader, as from a generator. */
  #finish(reader: Settle<IteratorResult<T>>): void {
    const error = this.#error;
    this.#error = undefined;
    if (error) reader.reject(error);
    else reader.resolve({ value: undefined, done: true });
  }
}
