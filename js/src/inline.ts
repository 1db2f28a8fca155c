/** The wasm module as text: gzip in base64. Unpacked on first use, by what the platform brings along. */

import { decode } from './base64.js';

export function unpack(packed: string): Promise<ArrayBuffer> {
  const stream = new Blob([decode(packed)]).stream().pipeThrough(new DecompressionStream('gzip'));
  return new Response(stream).arrayBuffer();
}
