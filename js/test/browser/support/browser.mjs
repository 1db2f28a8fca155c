/** Headless Chromium, one for each test file, and pages in it that are told apart like different people's. */

import { after } from 'node:test';

import { chromium } from 'playwright-core';

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
const ARGUMENTS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync',
];

/** Playwright turns this cache off, people's browsers have it on. */
const IGNORED = ['--disable-back-forward-cache'];

/** How long anything on a page may take, in milliseconds, before a test fails. Nothing waits this long in a good run. */
const PATIENCE = 20_000;

let running;

/** The browser, started on first use and closed after the file's last test. */
function browser() {
  const how = { executablePath: CHROMIUM, headless: true, args: ARGUMENTS, ignoreDefaultArgs: IGNORED };
  running ??= chromium.launch(how);
  return running;
}

/** Errors in the console that are no defect: attempts to connect that failed, and the icon of a page without one. */
const EXPECTED = /WebSocket|ERR_|favicon\.ico/;

/** A page in a context of its own. The test fails when the page had an uncaught error or logged one. */
export async function newPage(test, options = {}) {
  const context = await (await browser()).newContext(options);
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage();
  const problems = [];
  page.on('pageerror', (error) => problems.push(error.stack));
  page.on('console', (message) => {
    const told = `${message.text()} (${message.location().url})`;
    if (message.type() === 'error' && !EXPECTED.test(told)) problems.push(told);
  });
  test.after(async () => {
    await context.close();
    if (problems.length > 0) throw new Error(`the page reported:\n${problems.join('\n')}`);
  });
  return page;
}

after(async () => (await running)?.close());
