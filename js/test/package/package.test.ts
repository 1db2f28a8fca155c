/** The tarball itself: what is in it, and what publint and attw say of it. */

import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import manifest from '../../../pkg/package.json' with { type: 'json' };
import { pack, type Tarball } from '../support/project.js';

const run = promisify(execFile);
const js = resolve(import.meta.dirname, '../..');
let folder: string;
let tarball: Tarball;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'packed-'));
  tarball = await pack(folder);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

it('holds every file that the manifest names, and the licences of the project', async () => {
  const named = JSON.stringify(manifest).matchAll(/:"\.\/([\w./-]+)"/g);
  const paths = [...named].map(([, path]) => path);
  const licences = (await readdir(resolve(js, '..'))).filter((name) => name.startsWith('LICENSE'));
  expect(tarball.files).toEqual(expect.arrayContaining([...paths, ...licences, 'README.md']));
});

it('is clean for publint', async () => {
  const { stdout } = await run(join(js, 'node_modules/.bin/publint'), [tarball.path, '--strict']);
  expect(stdout).toContain('All good!');
});

it('has types that fit what is loaded, by import and by require', async () => {
  const args = [tarball.path, '--exclude-entrypoints', 'core.wasm', '--profile', 'node16'];
  // A problem makes it exit with an error, and that rejects.
  const { stdout } = await run(join(js, 'node_modules/.bin/attw'), args);
  expect(stdout).toContain('"channel-layers/slim"');
});
