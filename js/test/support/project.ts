/** A fresh project in a folder of its own, with the packed package installed and nothing else. */

import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const PACKAGE = resolve(import.meta.dirname, '../../../pkg');

export interface Project {
  readonly root: string;
  write(files: Record<string, string>): Promise<void>;
  remove(): Promise<void>;
}

export interface Tarball {
  readonly path: string;
  readonly files: string[];
}

/** What `npm publish` would upload. */
export async function pack(folder: string): Promise<Tarball> {
  const { stdout } = await run('npm', ['pack', PACKAGE, '--json', '--pack-destination', folder], { cwd: folder });
  const listed: unknown = JSON.parse(stdout);
  // A list before npm 11, a map by package name from then on.
  const [packed] = Object.values(listed as Record<string, { filename: string; files: { path: string }[] }>);
  if (!packed) throw new Error(`npm pack printed ${stdout}`);
  return { path: join(folder, packed.filename), files: packed.files.map(({ path }) => path) };
}

export async function createProject(tarball: string, manifest: object = {}): Promise<Project> {
  const root = await mkdtemp(join(tmpdir(), 'project-'));
  const write = async (files: Record<string, string>) => {
    await Promise.all(Object.entries(files).map(([name, text]) => writeFile(join(root, name), text)));
  };
  await write({ 'package.json': JSON.stringify({ name: 'app', private: true, ...manifest }) });
  await run('npm', ['install', '--offline', '--no-audit', '--no-fund', tarball], { cwd: root });
  return { root, write, remove: () => rm(root, { recursive: true, force: true }) };
}
