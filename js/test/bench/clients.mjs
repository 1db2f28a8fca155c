/**
 * The libraries, each brought to where messages arrive: connected, in the group, with a callback. `frame` writes what its
 * own server would send for a message to that group.
 *
 * Every peer answers what the library asks before it takes itself for connected, and asks for no signs of life.
 */

import { FakeSocket } from './socket.mjs';
import { connect } from '../../../pkg/dist/index.js';
import { Centrifuge } from 'centrifuge';
import { Socket as Phoenix } from 'phoenix';
import { io } from 'socket.io-client';

const GROUP = 'bench.group';
const URL = 'ws://bench.example/ws';

/** Longer than any run, and short enough for a timer. */
const NEVER = 2 ** 30;

/** Each gives the function that writes a frame; `heard` is the application's callback. */
export const CLIENTS = {
  async 'channel-layers'(heard) {
    FakeSocket.peer = (socket, text) => {
      if (text === undefined) return;
      const { op, id, group } = JSON.parse(text);
      const limits = { frame: 65536, groups: 9 };
      if (op === 'connect') answer(socket, { op: 'welcome', id, channel: 'a.b!c', ping: NEVER / 1000, pong: 10, limits, version: '1' });
      else if (id) answer(socket, { op: 'ok', id, group });
    };
    const group = await connect(URL).join(GROUP);
    group.on('*', heard);
    return (message) => JSON.stringify({ op: 'message', group: GROUP, message });
  },

  async 'centrifuge-js'(heard) {
    FakeSocket.peer = (socket, text = '') => {
      for (const line of text.split('\n').filter(Boolean)) {
        const { id, connect } = JSON.parse(line);
        answer(socket, connect ? { id, connect: { client: 'c', version: '1' } } : { id, subscribe: {} });
      }
    };
    const client = new Centrifuge(URL, { websocket: FakeSocket });
    const subscription = client.newSubscription(GROUP);
    const subscribed = new Promise((resolve) => subscription.on('subscribed', resolve));
    subscription.on('publication', ({ data }) => heard(data));
    subscription.subscribe();
    client.connect();
    await subscribed;
    return (data) => JSON.stringify({ push: { channel: GROUP, pub: { data } } });
  },

  async 'phoenix'(heard) {
    FakeSocket.peer = (socket, text) => {
      if (text === undefined) return;
      const [joinRef, ref, topic] = JSON.parse(text);
      answer(socket, [joinRef, ref, topic, 'phx_reply', { status: 'ok', response: {} }]);
    };
    const socket = new Phoenix(URL, { transport: FakeSocket, heartbeatIntervalMs: NEVER });
    socket.connect();
    const channel = socket.channel(GROUP);
    channel.on('message', heard);
    await new Promise((resolve, reject) => channel.join().receive('ok', resolve).receive('error', reject));
    return (message) => JSON.stringify([null, null, GROUP, 'message', message]);
  },

  async 'socket.io-client'(heard) {
    FakeSocket.peer = (socket, text) => {
      const open = { sid: 's', upgrades: [], pingInterval: NEVER / 2, pingTimeout: NEVER / 2, maxPayload: 1e6 };
      if (text === undefined) socket.receive(`0${JSON.stringify(open)}`);
      else if (text === '40') socket.receive('40{"sid":"t"}');
      else if (/^42\d/.test(text)) socket.receive(`43${parseInt(text.slice(2), 10)}[]`);
    };
    const socket = io('ws://bench.example', { transports: ['websocket'] });
    // Rooms are the server's: an application asks for one by an event of its own.
    await socket.emitWithAck('join', GROUP);
    socket.on('message', heard);
    return (message) => `42${JSON.stringify(['message', message])}`;
  },

  /** The floor: the same frame as ours, parsed, and its message handed on. */
  async 'JSON.parse'(heard) {
    const groups = new Map([[GROUP, heard]]);
    bare(({ data }) => {
      const { group, message } = JSON.parse(data);
      groups.get(group)(message);
    });
    return (message) => JSON.stringify({ op: 'message', group: GROUP, message });
  },

  /** What the socket itself takes: an event that nobody looks into. */
  async 'event alone'(heard) {
    bare(() => heard());
    return (message) => JSON.stringify({ op: 'message', group: GROUP, message });
  },
};

function answer(socket, frame) {
  socket.receive(JSON.stringify(frame));
}

function bare(listener) {
  FakeSocket.peer = () => {};
  new FakeSocket(URL).onmessage = listener;
}
