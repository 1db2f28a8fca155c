/**
 * From the module and the glue that wasm-bindgen made to the package in `pkg/dist`.
 *
 * `node build/main.mjs WORK`, where WORK holds `core_bg.wasm` and `core.js`; `scripts/npm` calls it. It does nothing when
 * nothing changed, and fails when the default entry passes its size limit: then the last good package is gone too.
 */

import { cpSync, existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { bundle } from './bundle.mjs';
import { optimise } from './optimise.mjs';
import { report } from './size.mjs';
import { declarations } from './types.mjs';

const root = resolve(import.meta.dirname, '../..');
const js = join(root, 'js');
const pkg = join(root, 'pkg');
const work = resolve(process.argv[2] ?? join(root, 'target/npm'));
const built = join(work, 'built');

/** Everything that the package is made of. */
function inputs() {
  const folders = [join(js, 'src'), join(js, 'build')];
  const files = folders.flatMap((folder) =>
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name)));
  return [...files, ...licences(), join(js, 'package-lock.json'), join(js, 'tsconfig.json'), join(work, 'core_bg.wasm')];
}

function licences() {
  return readdirSync(root).filter((name) => name.startsWith('LICENSE')).map((name) => join(root, name));
}

function changed() {
  if (!existsSync(built) || !existsSync(join(pkg, 'dist/index.js'))) return true;
  const since = statSync(built).mtimeMs;
  return inputs().some((file) => statSync(file).mtimeMs > since);
}

async function build() {
  const dist = join(pkg, 'dist');
  rmSync(built, { force: true });
  rmSync(dist, { recursive: true, force: true });
  mkdirSync(dist, { recursive: true });
  const core = optimise(work);
  await bundle({ js, dist, core });
  declarations({ js, dist });
  for (const file of licences()) cpSync(file, join(pkg, file.slice(root.length + 1)));
  await report({ dist, core });
  writeFileSync(built, '');
}

if (changed()) {
  await build().catch((error) => {
    console.error(`npm package: ${error.message}`);
    process.exitCode = 1;
  });
} else {
  console.log('pkg/dist is up to date');
}
