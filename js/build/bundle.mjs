/**
 * The entries of the package as files that need no further file, each as ESM and, where Node's `require` may meet it, CommonJS.
 */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipAsync } from '@gfx/zopfli';
import { build } from 'esbuild';

const ENTRIES = [
  ['index', 'esm'], ['index', 'cjs'],
  ['slim', 'esm'], ['slim', 'cjs'],
  ['workerd', 'esm'],
];

export async function bundle({ js, dist, core }) {
  writeFileSync(join(dist, 'core.wasm'), core.wasm);
  const plugins = [provide({ glue: core.glue, packed: await gzipAsync(core.wasm, { numiterations: 50 }) })];
  await Promise.all(ENTRIES.map(([name, format]) => build({
    entryPoints: [join(js, `src/${name}.ts`)],
    outfile: join(dist, `${name}.${format === 'cjs' ? 'cjs' : 'js'}`),
    format,
    bundle: true,
    minify: true,
    // The glue's: about a use of it that is not ours, and a server whose content type costs time and nothing else.
    pure: ['console.warn'],
    sourcemap: 'linked',
    target: 'es2022',
    platform: 'neutral',
    logLevel: 'warning',
    plugins,
  })));
}

/** Puts the built parts in the place of the imports with a `#`. */
function provide({ glue, packed }) {
  const parts = {
    '#glue': glue,
    // Gzip first, by the slow compressor that needs a twentieth less: base64 of the plain module is a third larger and
    // compresses badly on the way.
    '#packed': `export default '${Buffer.from(packed).toString('base64')}'`,
  };
  return {
    name: 'built',
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^#module$/ }, () => ({ path: './core.wasm', external: true }));
      onResolve({ filter: /^#/ }, ({ path }) => ({ path, namespace: 'built' }));
      onLoad({ filter: /.*/, namespace: 'built' }, ({ path }) => ({ contents: parts[path], loader: 'js' }));
    },
  };
}
