/**
 * The declarations, as `.d.ts` for importers and `.d.cts` for those who `require`: TypeScript takes the kind of a module
 * from the ending of the file that describes it, so one set would be wrong for one of them.
 */

import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What no public declaration refers to. */
const INTERNAL = /^(base64|codec|inline|stream|wait|workerd)\.d\.ts$/;

export function declarations({ js, dist }) {
  const tsc = join(js, 'node_modules/typescript/bin/tsc');
  const args = ['-p', js, '--noEmit', 'false', '--declaration', '--emitDeclarationOnly', '--outDir', dist];
  execFileSync(process.execPath, [tsc, ...args], { stdio: 'inherit' });
  for (const name of readdirSync(dist).filter((name) => name.endsWith('.d.ts'))) {
    const file = join(dist, name);
    if (INTERNAL.test(name)) {
      rmSync(file);
      continue;
    }
    const text = readFileSync(file, 'utf8').replaceAll(/(from\s*['"]\.\/[\w-]+)\.js(['"])/g, '$1.cjs$2');
    writeFileSync(file.replace(/\.d\.ts$/, '.d.cts'), text);
  }
}
