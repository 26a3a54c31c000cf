import { createServer, type AddressInfo, type Server } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { assertPortFree, freePort, isPortFree } from '../../local/ports.ts';

let server: Server;

const listen = (): Promise<number> =>
  new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });

beforeEach(() => {
  server = createServer();
});

afterEach(() => {
  server.close();
});

test('a port found free can be listened on', async () => {
  const port = await freePort();
  expect(await isPortFree(port)).toBe(true);
  await expect(assertPortFree('The API', 'PORT', port)).resolves.toBeUndefined();
});

test('a taken port is refused by a message that names the setting to change', async () => {
  const port = await listen();
  expect(await isPortFree(port)).toBe(false);
  await expect(assertPortFree('Temporal', 'TEMPORAL_PORT', port)).rejects.toThrow(
    `Temporal cannot start: port ${port} on 127.0.0.1 is taken by another program. Set TEMPORAL_PORT`,
  );
});
