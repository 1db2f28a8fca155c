/** The default entry: the wasm module is part of the JavaScript, so no bundler and no server has to know of it. */

import packed from '#packed';
import type { Connect, Init } from './api.js';
import { connector, initializer } from './entry.js';
import { unpack } from './inline.js';
import { glue } from './glue.js';
import { Loader } from './loader.js';

export * from './api.js';

const loader = /* @__PURE__ */ new Loader(glue, () => unpack(packed));
export const connect: Connect = /* @__PURE__ */ connector(loader);
export const init: Init = /* @__PURE__ */ initializer(loader);
