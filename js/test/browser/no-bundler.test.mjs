/** `examples/browser`, served by nothing but a server of files, from another origin than the gateway. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import http from 'node:http';
import { extname } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { newPage } from './support/browser.mjs';
import { Gateway } from './support/program.mjs';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css' };

test('the page without a bundler hears and sends', async (t) => {
  const gateway = await Gateway.start(t);
  const files = await serveFiles(t);
  const open = async () => {
    const page = await newPage(t);
    await page.goto(`${files}/examples/browser/index.html?gateway=${gateway.url}/ws`);
    await page.getByText('connected', { exact: true }).waitFor();
    return page;
  };
  const [one, other] = [await open(), await open()];

  await one.getByLabel('Say something').fill('hello');
  await one.getByRole('button', { name: 'Send' }).click();
  await other.getByText('a page: hello').waitFor();
  await gateway.publish('chat.lobby', { type: 'chat.message', from: 'cron', text: 'good morning' });
  for (const page of [one, other]) {
    await page.getByRole('listitem').nth(1).waitFor();
    assert.deepEqual(await page.getByRole('listitem').allTextContents(), ['a page: hello', 'cron: good morning']);
  }
});

async function serveFiles(t) {
  const server = http.createServer(async (request, response) => {
    const { pathname } = new URL(request.url, 'http://localhost');
    try {
      const body = await readFile(ROOT + pathname.slice(1));
      response.writeHead(200, { 'content-type': TYPES[extname(pathname)] ?? 'application/octet-stream' }).end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return `http://127.0.0.1:${server.address().port}`;
}
