/** The wasm module, gzipped, as base64. */
declare const packed: string;
export default packed;
