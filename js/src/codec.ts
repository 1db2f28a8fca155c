/**
 * Messages as JSON text, and back.
 *
 * Byte strings travel as `{"$bytes": "<base64>"}`. Looking for them costs nothing on the common path: text is parsed
 * without a reviver unless it contains the marker, and written without a replacer unless a value is a `Uint8Array`.
 */

import * as base64 from './base64.js';
import { local } from './errors.js';

/** Searched for without its quotes: engines find a rare first character many times faster than a quote. */
const MARKER = '$bytes';

/** A message as text. Throws `invalid_message` for what JSON cannot hold. */
export function encode(message: object): string {
  try {
    return hasBytes(message) ? JSON.stringify(message, writeBytes) : JSON.stringify(message);
  } catch (error) {
    throw local('invalid_message', `the message cannot be written as JSON: ${String(error)}`, error);
  }
}

/** The message in `text`. Throws what `JSON.parse` throws. */
export function decode(text: string): object {
  return text.includes(MARKER) ? JSON.parse(text, readBytes) : JSON.parse(text);
}

function hasBytes(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return value instanceof Uint8Array || Object.values(value).some(hasBytes);
}

function writeBytes(this: Record<string, unknown>, key: string, value: unknown): unknown {
  // The value as it stands in its holder: Node's Buffer has a toJSON that has already run on `value`.
  const original = this[key];
  return original instanceof Uint8Array ? { [MARKER]: base64.encode(original) } : value;
}

function readBytes(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !(MARKER in value)) return value;
  const text = value[MARKER];
  if (typeof text !== 'string' || Object.keys(value).length > 1) return value;
  try {
    return base64.decode(text);
  } catch {
    return value;
  }
}
