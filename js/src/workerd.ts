/** The entry for Cloudflare's runtime, which forbids compiling wasm and imports it as a module instead. */

import module from '#module';
import type { Connect, Init } from './api.js';
import { connector, initializer } from './entry.js';
import { glue } from './glue.js';
import { Loader } from './loader.js';

export * from './api.js';

const loader = /* @__PURE__ */ new Loader(glue, () => module);
export const connect: Connect = /* @__PURE__ */ connector(loader);
export const init: Init = /* @__PURE__ */ initializer(loader);
