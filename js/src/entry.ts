/** An entry's functions, over the way in which it gets the wasm module. */

import type { Connect, Init } from './api.js';
import { Client } from './client.js';
import type { Loader } from './loader.js';

export function connector(loader: Loader): Connect {
  return (url, options = {}) => new Client(() => loader.load(), url, options);
}

export function initializer(loader: Loader): Init {
  return async (source) => {
    await loader.load(source);
  };
}
