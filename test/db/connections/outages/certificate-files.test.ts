import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openDatabase } from '../../../../db/client.ts';
import { isDatabaseAway } from '../../../../db/connections/sql-states.ts';
import { startRefusalOf } from '../../../../db/connections/start-check.ts';
import { useDatabase } from '../../../support/database/database.ts';

const database = useDatabase();
let folder: string;
const closing: (() => unknown)[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'keepsake-certificates-'));
  closing.push(() => rm(folder, { recursive: true }));
});

afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

/** A pool of one connection to a server, with a certificate file. */
const openWith = (url: string, parameters: Record<string, string>) => {
  const found = new URL(url);
  for (const [name, value] of Object.entries(parameters)) found.searchParams.set(name, value);
  const opened = openDatabase(found.href, { maxConnections: 1 });
  closing.push(opened.close);
  return opened.pool;
};

test('while a certificate file is missing, the database is away, also for those that wait for a connection', async () => {
  const sslrootcert = join(folder, 'root.crt');
  await writeFile(sslrootcert, '');
  // The file is read in any mode, and the server of the tests has no TLS.
  const pool = openWith(database().url, { sslmode: 'disable', sslrootcert });
  const client = await pool.connect();
  const waiting = pool.query('SELECT 1');
  await rm(sslrootcert);
  // The pool makes the next client once this one has ended.
  client.release(true);
  await expect(waiting).rejects.toSatisfy(isDatabaseAway);
  const error: unknown = await pool.query('SELECT 1').catch((caught: unknown) => caught);
  expect(isDatabaseAway(error)).toBe(true);
  expect(startRefusalOf(error)).toMatchObject({
    code: 'loginRefused',
    message: expect.stringContaining(sslrootcert) as string,
  });
  await writeFile(sslrootcert, '');
  await expect(pool.query('SELECT 1')).resolves.toBeDefined();
});

test('while a certificate file is only half written, the database is away, and no socket stays open', async () => {
  const server = createServer((socket) => socket.once('data', () => socket.write('S')));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(() => server.close());
  const sslcert = join(folder, 'client.crt');
  await writeFile(sslcert, '-----BEGIN CERT');
  const { port } = server.address() as AddressInfo;
  const pool = openWith(`postgres://x@127.0.0.1:${port}/x`, { sslmode: 'verify-full', sslcert });
  const connected = once(server, 'connection') as Promise<[Socket]>;
  await expect(pool.query('SELECT 1')).rejects.toSatisfy(isDatabaseAway);
  const [socket] = await connected;
  await expect.poll(() => socket.closed).toBe(true);
});
