/**
 * Clears the constants that only panics used: their texts and places, and the tables behind formatting.
 *
 * Nothing in a module says what refers to data; there are only numbers that may be addresses. But the linker gives each
 * constant a segment of its own (`--no-merge-data-segments` in `scripts/npm`), so it is known where one begins and ends.
 * A constant counts as used where any number of the code points into it, or any word of another used constant. Cleared is
 * what was used by this rule before the panics became traps and is not any more: what the rule never saw used stays.
 */

import binaryen from 'binaryen';

/** Puts the data of `before` into `after`, the same module with less code, without what no code points to any more. */
export function sweep(before, after) {
  const constants = read(before);
  const [had, has] = [used(constants, before), used(constants, after)];
  const start = Math.min(...constants.map((constant) => constant.start));
  const end = Math.max(...constants.map((constant) => constant.end));
  const data = new Uint8Array(end - start);
  for (const constant of constants) {
    if (has.has(constant) || !had.has(constant)) data.set(constant.bytes, constant.start - start);
  }
  const { initial, max = -1 } = after.getMemoryInfo();
  after.setMemory(initial, max, null, [{ offset: after.i32.const(start), data, passive: false }]);
}

function read(module) {
  return Array.from({ length: module.getNumDataSegments() }, (_, at) => {
    const { offset, data } = module.getDataSegmentInfo(module.getDataSegmentByIndex(at));
    const bytes = new Uint8Array(data);
    return { start: offset, end: offset + bytes.length, bytes };
  });
}

function used(constants, module) {
  const code = module.emitText().split('\n').filter((line) => !line.startsWith(' (data '));
  const numbers = [...code.join('\n').matchAll(/(?:i32\.const |offset=)(\d+)/g)].map(([, number]) => Number(number));
  const found = new Set();
  const visit = (number) => constants
    .filter((constant) => number >= constant.start && number < constant.end && !found.has(constant))
    .forEach((constant) => {
      found.add(constant);
      words(constant).forEach(visit);
    });
  new Set(numbers).forEach(visit);
  return found;
}

/** What may be addresses in a constant; they are aligned. */
function words({ start, bytes }) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const first = -start & 3;
  const count = Math.max(0, (bytes.length - first) >> 2);
  return Array.from({ length: count }, (_, at) => view.getUint32(first + 4 * at, true));
}
