/**
 * Messages decoded per second by this package's client and by others, in Node and in headless Chromium:
 * `node main.mjs [--quick] [--runtime node|chromium] [--platform-events] [--json FILE]`. `scripts/bench-client` installs and builds what it takes.
 *
 * A ratio is a library's rate by ours in the same round: below one it is slower than ours. Samples are short and rounds
 * many, so that other work on the machine falls on single samples: medians, with the middle half of the rounds beside them.
 */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';

const OURS = 'channel-layers';
const built = join(import.meta.dirname, 'node_modules/.built');

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    runtime: { type: 'string', multiple: true },
    'platform-events': { type: 'boolean', default: false },
    json: { type: 'string' },
  },
});
const effort = options.quick ? { rounds: 31, seconds: 0.01 } : { rounds: 201, seconds: 0.01 };

/** For socket.mjs, before it is loaded. */
const events = { platform: options['platform-events'] };

const RUNTIMES = {
  async node() {
    globalThis.benchEvents = events;
    const { measure } = await load(await bundle('measure.mjs', 'measure.mjs', { format: 'esm', platform: 'browser' }));
    return measure(effort);
  },

  async chromium() {
    await bundle('measure.mjs', 'measure.js', { format: 'iife', platform: 'browser', globalName: 'bench' });
    const { startChromium } = await support('chromium');
    const { startSite } = await support('site');
    writeFileSync(join(built, 'index.html'), '<!doctype html><script src="measure.js"></script>');
    const [browser, site] = await Promise.all([startChromium(), startSite(built)]);
    try {
      const page = await browser.newPage();
      await page.addInitScript((events) => { globalThis.benchEvents = events; }, events);
      await page.goto(`${site.url}/index.html`);
      return await page.evaluate((effort) => globalThis.bench.measure(effort), effort);
    } finally {
      await Promise.all([browser.close(), site.close()]);
    }
  },
};

/** One file for both runtimes: each library as its makers ship it for browsers. */
async function bundle(from, to, options) {
  const outfile = join(built, to);
  await build({ entryPoints: [join(import.meta.dirname, from)], outfile, bundle: true, target: 'es2022', logLevel: 'warning', ...options });
  return outfile;
}

/** What the tests have for a browser is TypeScript. */
async function support(name) {
  return load(await bundle(`../support/${name}.ts`, `${name}.mjs`, { format: 'esm', platform: 'node', packages: 'external' }));
}

function load(file) {
  return import(pathToFileURL(file).href);
}

function rows(runtime, results) {
  return Object.entries(results).flatMap(([size, rates]) => Object.entries(rates).map(([name, samples]) => {
    const ratios = samples.map((rate, round) => rate / rates[OURS][round]).sort(ascending);
    const [ratio_low, ratio, ratio_high] = [0.25, 0.5, 0.75].map((part) => quantile(ratios, part));
    const messages_per_s = Math.round(quantile([...samples].sort(ascending), 0.5));
    return { name, runtime, size, messages_per_s, ratio, ratio_low, ratio_high };
  }));
}

function ascending(a, b) {
  return a - b;
}

function quantile(sorted, part) {
  return sorted[Math.round(part * (sorted.length - 1))];
}

function print(rows) {
  console.log(`${'runtime'.padEnd(10)}${'size'.padEnd(8)}${'library'.padEnd(18)}${'messages/s'.padStart(12)}   by ours (middle half)`);
  for (const { name, runtime, size, messages_per_s, ratio, ratio_low, ratio_high } of rows) {
    const range = `(${ratio_low.toFixed(2)}–${ratio_high.toFixed(2)})`;
    const rate = messages_per_s.toLocaleString('en').padStart(12);
    console.log(`${runtime.padEnd(10)}${size.padEnd(8)}${name.padEnd(18)}${rate}   ${ratio.toFixed(2)} ${range}`);
  }
}

const all = [];
for (const runtime of options.runtime ?? Object.keys(RUNTIMES)) {
  if (!RUNTIMES[runtime]) throw new Error(`no runtime ${runtime}: there are ${Object.keys(RUNTIMES).join(' and ')}`);
  all.push(...rows(runtime, await RUNTIMES[runtime]()));
}
print(all);
if (options.json) writeFileSync(options.json, `${JSON.stringify(all, null, 2)}\n`);
// The libraries' clients have timers, and nobody closes them.
process.exit(0);
