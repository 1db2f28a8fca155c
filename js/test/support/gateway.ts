/**
 * A small gateway for tests of the package: PROTOCOL.md's `connect`, `group_add`, `group_discard` and `group_send` in JSON, for
 * one process and without limits. What the real one does is tested with the real one.
 */

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';

export interface TestGateway {
  readonly url: string;
  close(): Promise<void>;
}

interface Frame {
  readonly op: string;
  readonly id?: number;
  readonly group?: string;
  readonly message?: object;
}

export async function startGateway(): Promise<TestGateway> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, handleProtocols: () => 'channel-layers.v1.json' });
  const members = new Map<string, Set<WebSocket>>();
  server.on('connection', (socket) => {
    socket.on('message', (data) => serve(members, socket, JSON.parse(String(data)) as Frame));
    socket.on('close', () => members.forEach((sockets) => sockets.delete(socket)));
  });
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `ws://127.0.0.1:${port}/ws`,
    close: async () => {
      server.clients.forEach((socket) => socket.terminate());
      server.close();
      await once(server, 'close');
    },
  };
}

function serve(members: Map<string, Set<WebSocket>>, socket: WebSocket, frame: Frame): void {
  const { op, id, group = '', message } = frame;
  const answer = (fields: object) => socket.send(JSON.stringify(fields));
  const joined = members.get(group) ?? new Set();
  switch (op) {
    case 'connect':
      return answer({
        op: 'welcome', id, channel: 'specific.test!1', ping: 25, pong: 10, limits: { frame: 65536, groups: 100 }, version: 'test',
      });
    case 'group_add':
      members.set(group, joined.add(socket));
      return answer({ op: 'ok', id, group });
    case 'group_discard':
      joined.delete(socket);
      return answer({ op: 'ok', id });
    case 'group_send':
      joined.forEach((member) => member.send(JSON.stringify({ op: 'message', group, message })));
      return answer({ op: 'ok', id });
    case 'pong':
      return undefined;
    default:
      return answer({ op: 'error', id, code: 104, name: 'unknown_op', reason: op, temporary: false });
  }
}
