/** The wasm module as a runtime that imports such modules gives it. */
declare const module: WebAssembly.Module;
export default module;
