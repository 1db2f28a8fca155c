/** What the compiler must accept and refuse. Each `@ts-expect-error` is a test: without an error there it fails. */

import { connect, type ChannelLayersError, type Group, type MessageOf } from '../../../pkg/dist/index.js';

type App = {
  'chat.message': { text: string; sender?: string };
  'file.upload': { name: string; data: Uint8Array };
};

interface AsInterface {
  'chat.message': { text: string };
}

const client = connect<App>('/ws', { token: async () => 'secret', timeout: 1000 });
connect<AsInterface>(new URL('ws://localhost/ws'));

// @ts-expect-error a message is an object
connect<{ 'chat.message': string }>('/ws');
// @ts-expect-error a misspelt option
connect('/ws', { tokens: 'secret' });

const group: Group<App> = client.group('chat');

group.on('chat.message', (message) => {
  message.type satisfies 'chat.message';
  message.text satisfies string;
  message.sender satisfies string | undefined;
  // @ts-expect-error a field of another message
  message.data;
});
// @ts-expect-error no such message
group.on('chat.mesage', () => undefined);
group.on('*', (message) => {
  if (message.type === 'file.upload') message.data satisfies Uint8Array;
  else message.text satisfies string;
});

void group.send({ type: 'chat.message', text: 'hi' }, { signal: AbortSignal.timeout(1000) });
// @ts-expect-error a field is missing
void group.send({ type: 'chat.message' });
// @ts-expect-error a field of another message
void group.send({ type: 'chat.message', text: 'hi', data: new Uint8Array() });
// @ts-expect-error no such message
void client.send('specific.x!y', { type: 'chat.unknown', text: 'hi' });
void client.groupSend('chat', { type: 'file.upload', name: 'a', data: new Uint8Array() });

client.on('error', (error) => error satisfies ChannelLayersError);
client.on('message', (message) => message satisfies MessageOf<App>);
client.on('state', (change) => {
  if (change.state === 'connecting') change.retryIn satisfies number;
  // @ts-expect-error only a connection that is being tried has a next attempt
  else change.retryIn;
});
// @ts-expect-error no such event
client.on('message.chat', () => undefined);
// @ts-expect-error read only
client.state = 'closed';

group.onState((change) => {
  if (change.state === 'joined') change.recovered satisfies boolean;
  if (change.state === 'discarded') change.code satisfies number;
});

export async function iterate(): Promise<void> {
  for await (const message of group) message satisfies MessageOf<App>;
  await using joined = await client.join('chat');
  joined satisfies Group<App>;
  using closed = client;
  closed.close();
  const untyped = connect('/ws').group('chat');
  await untyped.send({ type: 'anything', goes: [1, { here: null }] });
  // @ts-expect-error a message without a type
  await untyped.send({ goes: 1 });
  untyped.on('anything', (message) => {
    message.type satisfies string;
    message.goes satisfies unknown;
    // @ts-expect-error what was not declared has to be looked at first
    message.goes.here;
  });
}
