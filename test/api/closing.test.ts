import { once } from 'node:events';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { useApi } from './support.ts';

const api = useApi();

/** Connects, sends what is given, and waits until as many connections are known to the server. */
const dial = async (port: number, text: string): Promise<Socket> => {
  const socket = connect({ host: '127.0.0.1', port });
  await once(socket, 'connect');
  if (text !== '') socket.write(text);
  return socket;
};

test('connections that carry no request do not keep the API from closing', async () => {
  const { app } = api();
  await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.server.address() as AddressInfo;
  const silent = await dial(port, '');
  const slow = await dial(port, 'GET /healthz HTTP/1.1\r\nHost: ');
  const used = await dial(port, 'GET /healthz HTTP/1.1\r\nHost: here\r\n\r\n');
  const [answer] = (await once(used, 'data')) as [Buffer];
  expect(String(answer)).toMatch(/^HTTP\/1\.1 200/);
  const ends = [silent, slow, used].map((socket) => once(socket, 'close'));
  await app.close();
  await Promise.all(ends);
  expect(app.server.listening).toBe(false);
});
