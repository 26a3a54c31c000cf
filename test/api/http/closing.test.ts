import { once } from 'node:events';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { useApi } from '../support.ts';

const api = useApi();

/** Opens a connection and sends the text. */
const dial = async (port: number, text: string): Promise<Socket> => {
  const socket = connect({ host: '127.0.0.1', port });
  await once(socket, 'connect');
  if (text !== '') socket.write(text);
  return socket;
};

test('the API closes connections without a complete request at once, and answers a running request first', async () => {
  const { app, keys } = api();
  await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.server.address() as AddressInfo;
  const silent = await dial(port, '');
  const slow = await dial(port, 'GET /healthz HTTP/1.1\r\nHost: ');
  const used = await dial(port, 'GET /healthz HTTP/1.1\r\nHost: here\r\n\r\n');
  const [answer] = (await once(used, 'data')) as [Buffer];
  expect(String(answer)).toMatch(/^HTTP\/1\.1 200/);
  const head = `Authorization: Bearer ${keys.one}\r\nContent-Type: application/json`;
  const received = once(app.server, 'request');
  const busy = await dial(
    port,
    `POST /v1/users HTTP/1.1\r\nHost: here\r\n${head}\r\nContent-Length: 2\r\n\r\n[`,
  );
  await received;
  const ends = [silent, slow, used, busy].map((socket) => once(socket, 'close'));
  const closed = app.close();
  await Promise.all(ends.slice(0, 3));
  const answered = once(busy, 'data') as Promise<[Buffer]>;
  busy.write(']');
  // This header keeps the client from sending its next request on this connection.
  expect(String((await answered)[0])).toMatch(/^connection: close\r$/im);
  await Promise.all([closed, ...ends]);
  expect(app.server.listening).toBe(false);
});
