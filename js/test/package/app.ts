/** The program that every kind of project runs: join, send, hear oneself, leave, close. */

/** The body, over `connect`. It resolves with what came back. */
const BODY = `
async function roundTrip(url) {
  const client = connect(url, { signal: AbortSignal.timeout(30_000) });
  const group = await client.join('lobby');
  const heard = new Promise((resolve) => group.on('chat.message', resolve));
  await group.send({ type: 'chat.message', text: 'hello', data: new Uint8Array([1, 2, 3]) });
  const { text, data } = await heard;
  await group.leave();
  client.close();
  return text + ' ' + Array.from(data).join();
}
`;

export const EXPECTED = 'hello 1,2,3';

/** For a page: the gateway's address comes in the page's own, the result goes where the test looks for it. */
export function page(from: string, setUp = ''): string {
  return `import { connect, init } from '${from}';
${BODY}
${setUp}
globalThis.result = roundTrip(new URLSearchParams(location.search).get('gateway'));
`;
}

/** For Node: address as argument, result on stdout. */
export function program(load: string): string {
  return `${load}
${BODY}
roundTrip(process.argv[2]).then(console.log);
`;
}

export const HTML = '<!doctype html><title>app</title><script type="module" src="./app.js"></script>';
