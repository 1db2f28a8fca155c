/**
 * Instantiates the wasm module: once, on first use, and never at import.
 *
 * A load that failed is forgotten, so that the next connection tries again.
 */

import type { Binding } from './binding.js';
import { local } from './errors.js';
import type { WasmSource } from './types.js';

type Wanted = WasmSource | PromiseLike<WasmSource>;

/** The wasm-bindgen glue. */
export interface Glue extends Binding {
  default(options: { module_or_path: Wanted }): Promise<unknown>;
}

export class Loader {
  #glue: Glue;
  #fallback: (() => Wanted) | undefined;
  #loading: Promise<Binding> | undefined;

  /** Without `fallback` the host has to name a source first. */
  constructor(glue: Glue, fallback?: () => Wanted) {
    this.#glue = glue;
    this.#fallback = fallback;
  }

  /** Loads from `source`, unless the module is loaded or on its way already. */
  load = (source?: Wanted): Promise<Binding> => {
    this.#loading ??= this.#instantiate(source).catch((error: unknown) => {
      this.#loading = undefined;
      throw error;
    });
    return this.#loading;
  };

  async #instantiate(source: Wanted | undefined): Promise<Binding> {
    const wanted = source ?? this.#fallback?.();
    if (!wanted) throw local('config', 'no wasm module: call init(source) before connect()');
    try {
      await this.#glue.default({ module_or_path: wanted });
    } catch (error) {
      throw local('config', 'the wasm module could not be loaded (does the content security policy allow wasm-unsafe-eval?)', error);
    }
    return this.#glue;
  }
}
