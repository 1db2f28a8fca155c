/**
 * `wasm-opt` over the module, without panics and what only they use, and with one-letter names between module and glue.
 *
 * The optimiser is npm's binaryen, called by path: another one that happens to be in PATH may be too old for what rustc
 * emits. It gets exactly the features that rustc turns on; with more it emits what some runtimes do not load.
 */

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import binaryen from 'binaryen';
import { sweep } from './sweep.mjs';

const WASM_OPT = join(import.meta.dirname, '../node_modules/binaryen/bin/wasm-opt');

/** The names of one feature on the command line and in the library. */
const FEATURES = {
  'bulk-memory': 'BulkMemory',
  'nontrapping-float-to-int': 'NontrappingFPToInt',
  'sign-ext': 'SignExt',
  'mutable-globals': 'MutableGlobals',
  'reference-types': 'ReferenceTypes',
  'multivalue': 'Multivalue',
};

/**
 * The standard library's ways to panic, and its formatting, which writes their texts and nothing else here. In a browser
 * nobody ever sees such a text: it goes to a standard error output that does not exist, and then the module traps. So
 * they may trap at once.
 */
const PANIC = new RegExp([
  '^(core|std)\\[\\w+\\]::panicking::', '::slice_index_fail$', '::slice_error_fail', '^core.*::(unwrap|expect)_failed$',
  '^alloc.*::(handle_error|capacity_overflow|handle_alloc_error)$', '^core.*::cell::panic_already', '::rust_panic$',
  '\\bcore(\\[\\w+\\])?::fmt::',
].join('|'));

/** What a module holds in which `format!`, `to_string` or `write!` makes a text that is for somebody. */
const FORMATTING = /String as core(\[\w+\])?::fmt::Write>/;

/** One import in the glue: a property on lines of its own. */
const IMPORT = /^ {8}(\w+): function\([^]*?^ {8}\}.*\n/gm;

/**
 * Parts of the glue that nothing reaches: for a string without `realloc`, for a host without `encodeInto` (none that has
 * what the package needs lacks it), for `using` a core, which the facade frees.
 */
const UNREACHED = [
  /^ {4}if \(realloc === undefined\) \{[^]*?^ {4}\}\n/gm,
  /^if \(!\('encodeInto' in [^]*?^\}\n/gm,
  /^if \(Symbol\.dispose\) .*\n/gm,
];

/** Returns the smaller module and the glue that fits it. */
export function optimise(work) {
  const [trapping, trapped, swept, small] = ['trapping', 'trapped', 'swept', 'small'].map((step) => join(work, `core.${step}.wasm`));
  const original = parse(join(work, 'core_bg.wasm'));
  writeFileSync(trapping, trapInsteadOfPanic(parse(join(work, 'core_bg.wasm'))));
  wasmOpt(trapping, trapped);
  const module = parse(trapped);
  sweep(original, module);
  writeFileSync(swept, module.emitBinary());
  const names = JSON.parse(wasmOpt(swept, small, '--strip-debug', '--minify-imports-and-exports-and-modules'));
  return { wasm: readFileSync(small), glue: rename(readFileSync(join(work, 'core.js'), 'utf8'), names) };
}

/** Rust's stack lies lowest in memory and ends far above its first kilobyte, so that is as good as unused. */
function wasmOpt(from, to, ...more) {
  const enabled = Object.keys(FEATURES).map((feature) => `--enable-${feature}`);
  const args = [WASM_OPT, from, '-o', to, '-Oz', '--low-memory-unused', ...enabled, ...more];
  return execFileSync(process.execPath, args, { encoding: 'utf8' });
}

function parse(file) {
  const module = binaryen.readBinary(readFileSync(file));
  module.setFeatures(Object.values(FEATURES).reduce((all, feature) => all | binaryen.Features[feature], 0));
  return module;
}

function trapInsteadOfPanic(module) {
  const functions = Array.from({ length: module.getNumFunctions() }, (_, at) => module.getFunctionByIndex(at))
    .map((one) => binaryen.getFunctionInfo(one));
  const formatting = functions.find(({ name }) => FORMATTING.test(name));
  if (formatting) throw new Error(`a text is formatted, which would trap: concatenate it instead (${formatting.name})`);
  const panics = functions.filter(({ module: imported, name }) => !imported && PANIC.test(name));
  if (panics.length === 0) throw new Error('no panics by name: is the name section gone, or did rustc rename them?');
  for (const { name } of panics) binaryen.Function(module.getFunction(name)).body = module.unreachable();
  return module.emitBinary();
}

/**
 * Applies the optimiser's new names to the glue. In it an import is a property of an object literal and an export a
 * property of `wasm`; a name that is found nowhere would be a missing import at run time, so it stops the build. Imports
 * that only panics used are no longer asked for, and go.
 */
function rename(glue, { imports, exports }) {
  const replace = (text, pattern, by, name) => {
    const found = text.replaceAll(pattern, by);
    if (found === text) throw new Error(`the glue does not mention ${name}: has wasm-bindgen's output changed?`);
    return found;
  };
  for (const part of UNREACHED) glue = replace(glue, part, '', String(part));
  // All imports come from one module, whose new name is always the first letter.
  for (const module of new Set(imports.map(([module]) => module))) {
    glue = replace(glue, `${JSON.stringify(module)}: import0`, '"a": import0', module);
  }
  const wanted = new Set(imports.map(([, name]) => name));
  glue = glue.replaceAll(IMPORT, (text, name) => (wanted.has(name) ? text : ''));
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
