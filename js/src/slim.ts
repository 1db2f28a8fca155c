/** The entry without the wasm module: the host names it with `init(source)`, once, before it connects. */

import type { Connect, Init } from './api.js';
import { connector, initializer } from './entry.js';
import { glue } from './glue.js';
import { Loader } from './loader.js';

export * from './api.js';

const loader = /* @__PURE__ */ new Loader(glue);
export const connect: Connect = /* @__PURE__ */ connector(loader);
export const init: Init = /* @__PURE__ */ initializer(loader);
