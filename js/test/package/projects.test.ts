/** Fresh projects of every kind, without any configuration: each loads the package and gets a message back. */

import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build as esbuild, type Plugin } from 'esbuild';
import type { Browser } from 'playwright-core';
import { build as viteBuild, createServer } from 'vite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import webpack from 'webpack';
import { startChromium } from '../support/chromium.js';
import { startGateway, type TestGateway } from '../support/gateway.js';
import { createProject, pack, type Project } from '../support/project.js';
import { startSite } from '../support/site.js';
import { EXPECTED, HTML, page, program } from './app.js';

const run = promisify(execFile);
let folder: string;
let project: Project;
let gateway: TestGateway;
let browser: Browser;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'packed-'));
  const tarball = await pack(folder);
  [project, gateway, browser] = await Promise.all([createProject(tarball.path), startGateway(), startChromium()]);
}, 60_000);

afterAll(async () => {
  await Promise.all([browser?.close(), gateway?.close(), project?.remove()]);
  await rm(folder, { recursive: true, force: true });
});

/** Opens a page and waits for the result of its round trip; an error in the page fails the test. */
async function open(url: string): Promise<string> {
  const tab = await browser.newPage();
  const failed = new Promise<never>((_, reject) => tab.on('pageerror', reject));
  const result = (async () => {
    await tab.goto(`${url}?gateway=${encodeURIComponent(gateway.url)}`);
    await tab.waitForFunction(() => 'result' in globalThis);
    return tab.evaluate(() => (globalThis as { result?: Promise<string> }).result ?? '');
  })();
  return Promise.race([result, failed]).finally(() => tab.close());
}

/** Serves what a bundler wrote and opens it. */
async function openSite(path = '/index.html', root = join(project.root, 'out')): Promise<string> {
  const site = await startSite(root);
  return open(site.url + path).finally(() => site.close());
}

describe('in Chromium', { timeout: 60_000 }, () => {
  it('a page without a bundler, under a strict content security policy', async () => {
    await project.write({ 'index.html': HTML, 'app.js': page('./node_modules/channel-layers/dist/index.js') });
    expect(await openSite('/index.html', project.root)).toBe(EXPECTED);
  });

  it('the same with the slim entry and the module from its own file', async () => {
    const dist = './node_modules/channel-layers/dist';
    await project.write({ 'index.html': HTML, 'app.js': page(`${dist}/slim.js`, `init('${dist}/core.wasm');`) });
    expect(await openSite('/index.html', project.root)).toBe(EXPECTED);
  });

  it('Vite, built', async () => {
    await project.write({ 'index.html': HTML, 'app.js': page('channel-layers') });
    await viteBuild({ root: project.root, logLevel: 'warn', build: { outDir: 'out' } });
    expect(await openSite()).toBe(EXPECTED);
  });

  it('Vite, while developing', async () => {
    await project.write({ 'index.html': HTML, 'app.js': page('channel-layers') });
    const server = await createServer({ root: project.root, logLevel: 'warn', server: { host: '127.0.0.1', port: 0 } });
    try {
      await server.listen();
      expect(await open(server.resolvedUrls?.local[0] ?? '')).toBe(EXPECTED);
    } finally {
      await server.close();
    }
  });

  it('webpack', async () => {
    await project.write({ 'app.js': page('channel-layers') });
    const compiler = webpack({ mode: 'production', context: project.root, entry: './app.js', output: { path: join(project.root, 'out'), filename: 'app.js' } });
    const stats = await promisify(compiler.run.bind(compiler))();
    expect(stats?.toJson({ all: false, errors: true, warnings: true })).toMatchObject({ errors: [], warnings: [] });
    await project.write({ 'out/index.html': HTML });
    expect(await openSite()).toBe(EXPECTED);
  });

  it('esbuild', async () => {
    await project.write({ 'app.js': page('channel-layers') });
    const { warnings } = await esbuild({
      absWorkingDir: project.root, entryPoints: ['app.js'], bundle: true, minify: true, format: 'esm', outdir: 'out', logLevel: 'silent',
    });
    expect(warnings).toEqual([]);
    await project.write({ 'out/index.html': HTML });
    expect(await openSite()).toBe(EXPECTED);
  });
});

describe('in Node', () => {
  const node = async (file: string) => {
    const { stdout } = await run(process.execPath, ['--experimental-websocket', file, gateway.url], { cwd: project.root });
    return stdout.trim();
  };

  it('an ES module', async () => {
    await project.write({ 'app.mjs': program(`import { connect } from 'channel-layers';`) });
    expect(await node('app.mjs')).toBe(EXPECTED);
  });

  it('a CommonJS module', async () => {
    await project.write({ 'app.cjs': program(`const { connect } = require('channel-layers');`) });
    expect(await node('app.cjs')).toBe(EXPECTED);
  });

  it('the slim entry, with the module read from the package', async () => {
    const load = `
const { readFileSync } = require('node:fs');
const { connect, init } = require('channel-layers/slim');
init(readFileSync(require.resolve('channel-layers/core.wasm')));`;
    await project.write({ 'slim.cjs': program(load) });
    expect(await node('slim.cjs')).toBe(EXPECTED);
  });

  it('the entry for workerd, with the module imported as that runtime does', async () => {
    await project.write({ 'worker.js': program(`import { connect } from 'channel-layers';`) });
    await esbuild({
      absWorkingDir: project.root, entryPoints: ['worker.js'], bundle: true, format: 'esm', outfile: 'worker.mjs',
      conditions: ['workerd'], plugins: [wasmModules],
    });
    expect(await readFile(join(project.root, 'worker.mjs'), 'utf8')).not.toContain('DecompressionStream');
    expect(await node('worker.mjs')).toBe(EXPECTED);
  });

  it('a server that renders the page imports it without a browser, and nothing happens', async () => {
    await project.write({
      'ssr.mjs': `
const before = Object.getOwnPropertyNames(globalThis).join();
for (const name of ['WebSocket', 'fetch', 'WebAssembly', 'setTimeout']) {
  Object.defineProperty(globalThis, name, { get() { throw new Error(name + ' was touched'); } });
}
const { connect, ChannelLayersError } = await import('channel-layers');
console.log(typeof connect, typeof ChannelLayersError, before === Object.getOwnPropertyNames(globalThis).join());`,
    });
    expect(await node('ssr.mjs')).toBe('function function true');
  });
});

/** An import of a `.wasm` file gives a compiled module. */
const wasmModules: Plugin = {
  name: 'wasm modules',
  setup({ onLoad }) {
    onLoad({ filter: /\.wasm$/ }, async ({ path }) => {
      const bytes = await readFile(path);
      return { contents: `export default new WebAssembly.Module(Buffer.from('${bytes.toString('base64')}', 'base64'))` };
    });
  },
};
