/** The wasm-bindgen glue, which the build puts here. */
import type { Glue } from '../loader.js';
declare const init: Glue['default'];
export default init;
export const Core: Glue['Core'];
export const codes: Glue['codes'];
export const version: Glue['version'];
