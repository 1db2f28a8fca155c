/**
 * The declarations, as `.d.ts` for importers and `.d.cts` for those who `require`: TypeScript takes the kind of a module
 * from the ending of the file that describes it, so one set would be wrong for one of them.
 */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const IMPORT = /(from\s*['"]\.\/)([\w-]+)\.js(['"])/g;

export function declarations({ js, dist }) {
  const tsc = join(js, 'node_modules/typescript/bin/tsc');
  const all = mkdtempSync(join(tmpdir(), 'types-'));
  const args = ['-p', js, '--noEmit', 'false', '--declaration', '--emitDeclarationOnly', '--outDir', all];
  execFileSync(process.execPath, [tsc, ...args], { stdio: 'inherit' });
  for (const name of reachable(all, ['index', 'slim'])) {
    const text = readFileSync(join(all, `${name}.d.ts`), 'utf8');
    writeFileSync(join(dist, `${name}.d.ts`), text);
    writeFileSync(join(dist, `${name}.d.cts`), text.replaceAll(IMPORT, '$1$2.cjs$3'));
  }
  rmSync(all, { recursive: true });
}

/** The modules that the public ones refer to; what is internal is not shipped. */
function reachable(folder, names) {
  const found = new Set(names);
  for (const name of found) {
    const text = readFileSync(join(folder, `${name}.d.ts`), 'utf8');
    for (const [, , other] of text.matchAll(IMPORT)) found.add(other);
  }
  return found;
}
