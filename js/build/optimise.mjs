/**
 * `wasm-opt` over the module, and one-letter names between module and glue.
 *
 * The optimiser is npm's binaryen, called by path: another one that happens to be in PATH may be too old for what rustc
 * emits. It gets exactly the features that rustc turns on; with more it emits what some runtimes do not load.
 */

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const WASM_OPT = join(import.meta.dirname, '../node_modules/binaryen/bin/wasm-opt');

const FEATURES = [
  'bulk-memory', 'nontrapping-float-to-int', 'sign-ext', 'mutable-globals', 'reference-types', 'multivalue',
].map((feature) => `--enable-${feature}`);

/** Returns the smaller module and the glue that fits it. */
export function optimise(work) {
  const small = join(work, 'core.wasm');
  const args = [join(work, 'core_bg.wasm'), '-o', small, '-Oz', ...FEATURES, '--minify-imports-and-exports-and-modules'];
  const names = JSON.parse(execFileSync(process.execPath, [WASM_OPT, ...args], { encoding: 'utf8' }));
  return { wasm: readFileSync(small), glue: rename(readFileSync(join(work, 'core.js'), 'utf8'), names) };
}

/**
 * Applies the optimiser's new names to the glue. In it an import is a property of an object literal and an export a
 * property of `wasm`; a name that is found nowhere would be a missing import at run time, so it stops the build.
 */
function rename(glue, { imports, exports }) {
  const replace = (text, pattern, by, name) => {
    const found = text.replaceAll(pattern, by);
    if (found === text) throw new Error(`the glue does not mention ${name}: has wasm-bindgen's output changed?`);
    return found;
  };
  // All imports come from one module, whose new name is always the first letter.
  for (const module of new Set(imports.map(([module]) => module))) {
    glue = replace(glue, `${JSON.stringify(module)}: import0`, '"a": import0', module);
  }
  for (const [, name, short] of imports) {
    glue = replace(glue, new RegExp(`^(\\s+)${escape(name)}: `, 'gm'), `$1${short}: `, name);
  }
  for (const [name, short] of exports) {
    const used = new RegExp(`\\bwasm\\.${escape(name)}\\b`, 'g');
    if (used.test(glue)) glue = replace(glue, used, `wasm.${short}`, name);
  }
  return glue;
}

function escape(name) {
  return name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
