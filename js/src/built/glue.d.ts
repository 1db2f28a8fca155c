/** The wasm-bindgen glue, which the build puts here. */
import type { Glue } from '../loader.js';
declare const init: Glue['default'];
export default init;
export const Core: Glue['Core'];
export const code_name: Glue['code_name'];
export const is_temporary: Glue['is_temporary'];
export const message_head: Glue['message_head'];
