/** Base64 (RFC 4648, section 4) through what the platform has; newer ones do it natively. */

type Native = { fromBase64?(text: string): Uint8Array<ArrayBuffer> };

export function decode(text: string): Uint8Array<ArrayBuffer> {
  const native = Uint8Array as Native;
  return native.fromBase64?.(text) ?? Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
}

export function encode(bytes: Uint8Array): string {
  // In slices: the arguments of one call are limited, and one string per byte would be slow.
  let text = '';
  for (let at = 0; at < bytes.length; at += 8192) {
    text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  }
  return btoa(text);
}
