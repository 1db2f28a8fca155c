/** What the package uses of wasm-bindgen's glue, name by name, so that bundlers leave out the rest. */

import init, { Core, code_name, is_temporary, message_head } from '#glue';
import type { Glue } from './loader.js';

export const glue: Glue = { default: init, Core, code_name, is_temporary, message_head };
