import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openDatabase } from '../../../db/client.ts';
import { createUnwrapper } from '../../../db/copy/copy-messages.ts';
import { copyOut } from '../../../db/copy/copy-out.ts';
import { createCopyRowIds } from '../../../db/copy/copy-row-ids.ts';
import { useDatabase } from '../../support/database/database.ts';

const database = useDatabase();

describe.each([
  ['an ordinary connection', false],
  ['a connection that lends its buffer', true],
])('over %s', (_name, isForCopies) => {
  let pool: Pool;
  let close: () => Promise<void>;

  beforeAll(() => {
    ({ pool, close } = openDatabase(database().url, { isForCopies }));
  });
  afterAll(() => close());

  const read = async (statement: string) => {
    const client = await pool.connect();
    try {
      const copy = client.query(copyOut(statement));
      const chunks: Buffer[] = [];
      for await (const chunk of copy as AsyncIterable<Buffer>) chunks.push(chunk);
      const { rows } = await client.query<{ one: number }>('SELECT 1 AS one');
      expect(rows).toEqual([{ one: 1 }]);
      return {
        text: Buffer.concat(chunks).toString(),
        sizes: chunks.map(({ length }) => length),
        copy,
      };
    } finally {
      client.release();
    }
  };

  test.each([0, 1, 3, 100_000])(
    '%i rows arrive complete with their count, and the connection stays usable',
    async (n) => {
      const { text, copy } = await read(
        `COPY (SELECT n, repeat('x', n % 40) FROM generate_series(1, ${n}) n) TO STDOUT`,
      );
      const lines = text.split('\n').slice(0, -1);
      expect(lines).toHaveLength(n);
      expect(lines.every((line, i) => line === `${i + 1}\t${'x'.repeat((i + 1) % 40)}`)).toBe(true);
      expect(copy.rowCount).toBe(n);
    },
  );

  test('rows larger than a chunk, empty rows and notices in between do not change the text', async () => {
    await pool.query(`CREATE OR REPLACE FUNCTION noisy(n int) RETURNS text LANGUAGE plpgsql AS
      $$ BEGIN RAISE NOTICE 'row %', n; RETURN CASE WHEN n % 3 = 0 THEN repeat('é', 900000) ELSE '' END; END $$`);
    const { text, sizes, copy } = await read(
      'COPY (SELECT noisy(n) FROM generate_series(1, 7) n) TO STDOUT',
    );
    const wanted = [1, 2, 3, 4, 5, 6, 7].map((n) => (n % 3 === 0 ? 'é'.repeat(900_000) : ''));
    expect(text).toBe(`${wanted.join('\n')}\n`);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(1024 * 1024);
    expect(copy.rowCount).toBe(7);
  });

  test('an error before or among the rows ends the stream with that error, and the connection stays usable', async () => {
    const client = await pool.connect();
    for (const [statement, code] of [
      ['COPY (SELECT nothing) TO STDOUT', '42703'],
      ['COPY (SELECT 1 / (50000 - n) FROM generate_series(1, 60000) n) TO STDOUT', '22012'],
    ] as const) {
      const copy = client.query(copyOut(statement)).resume();
      await expect(once(copy, 'end')).rejects.toMatchObject({ code });
    }
    expect((await client.query('SELECT 1')).rowCount).toBe(1);
    client.release();
  });

  test.each([
    ['in the middle', 2],
    ['in the last chunk', 5],
  ])('an error %s during compression fails only the copy', async (_when, at) => {
    const client = await pool.connect();
    let calls = 0;
    const compress = (chunk: Buffer): Buffer => {
      calls += 1;
      if (calls === at) throw new Error('cannot be packed');
      return Buffer.from(chunk);
    };
    const statement = `COPY (SELECT repeat('x', 1000) FROM generate_series(1, 4600)) TO STDOUT`;
    const copy = client.query(copyOut(statement, { compress })).resume();
    await expect(once(copy, 'end')).rejects.toThrow('cannot be packed');
    client.release(true);
    expect((await pool.query('SELECT 1')).rowCount).toBe(1);
    expect(calls).toBe(at);
  });

  test('PostgreSQL waits for a reader that does not read', async () => {
    const client = await pool.connect();
    const copy = client.query(
      copyOut(`COPY (SELECT repeat('x', 1000) FROM generate_series(1, 100000)) TO STDOUT`),
    );
    await once(copy, 'readable');
    await sleep(300);
    expect(copy.readableLength).toBeLessThanOrEqual(3 * 1024 * 1024);
    let bytes = 0;
    for await (const chunk of copy as AsyncIterable<Buffer>) bytes += chunk.length;
    expect(bytes).toBe(100_000 * 1001);
    client.release();
  });

  test('the result of a query after a copy does not change while more data arrives', async () => {
    await read("COPY (SELECT repeat('a', 100) FROM generate_series(1, 20000)) TO STDOUT");
    const wide = await pool.query<{ text: string }>(
      'SELECT repeat(chr(64 + n), 300000) AS text FROM generate_series(1, 20) n',
    );
    const wanted = Array.from({ length: 20 }, (_, n) =>
      String.fromCodePoint(65 + n).repeat(300_000),
    );
    expect(wide.rows.map(({ text }) => text)).toEqual(wanted);
  });
});

const messageOf = (code: string, content = ''): Buffer => {
  const message = Buffer.alloc(5 + Buffer.byteLength(content));
  message.write(code);
  message.writeUInt32BE(message.length - 1, 1);
  message.write(content, 5);
  return message;
};

test.each([
  ['as they are', undefined],
  ['packed, each chunk over the one before', (chunk: Buffer) => Buffer.from(chunk)],
])('rows and row ids are the same wherever the packets are cut: %s', (_how, compress) => {
  const rows = ['"(0,1)",u-1,a\n', '"(0,12)",\n', '"(4294967295,65535)",u-3,"(1,2)",é\n'];
  const messages = rows.map((row) => messageOf('d', row));
  const sent = Buffer.concat([
    messageOf('H', 'xyz'),
    ...messages.slice(0, 2),
    messageOf('S', ''),
    ...messages.slice(2),
    messageOf('c'),
    messageOf('C', 'COPY 3'),
  ]);
  for (let size = 1; size <= sent.length; size++) {
    const chunks: Buffer[] = [];
    const rowIds = createCopyRowIds();
    const take = createUnwrapper((chunk) => chunks.push(chunk) > 0, { rowIds, compress });
    let rest: Buffer | undefined;
    for (let at = 0; at < sent.length && rest === undefined; at += size) {
      ({ rest } = take(sent.subarray(at, at + size)));
    }
    expect(Buffer.concat(chunks).toString()).toBe('u-1,a\n\nu-3,"(1,2)",é\n');
    expect(rowIds.toArray()).toBe('{"(0,1)","(0,12)","(4294967295,65535)"}');
    expect(messageOf('C', 'COPY 3').subarray(0, rest?.length)).toEqual(rest);
  }
});

test('the row id is taken from each row, in the order of the rows', async () => {
  const { pool } = database().owner;
  await pool.query('CREATE TABLE placed AS SELECT n FROM generate_series(1, 20000) n');
  const client = await pool.connect();
  const rowIds = createCopyRowIds();
  const copy = client.query(
    copyOut('COPY (SELECT ctid, n FROM placed WHERE n % 2 = 0) TO STDOUT (FORMAT csv)', { rowIds }),
  );
  const chunks: Buffer[] = [];
  for await (const chunk of copy as AsyncIterable<Buffer>) chunks.push(chunk);
  client.release();
  const { rows } = await pool.query<{ n: number }>(
    'SELECT n FROM unnest($1::tid[]) WITH ORDINALITY AS at(place, i) JOIN placed ON ctid = place ORDER BY i',
    [rowIds.toArray()],
  );
  expect(rows).toHaveLength(10_000);
  expect(Buffer.concat(chunks).toString()).toBe(rows.map(({ n }) => `${n}\n`).join(''));
  expect(createCopyRowIds().toArray()).toBe('{}');
});
