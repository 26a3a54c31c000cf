import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { parse } from 'csv-parse/sync';
import { expect, test } from 'vitest';
import { writePart } from '../../activities/write-part.ts';
import { createDirectoryStorage } from '../../storage/directory.ts';
import { useDatabase } from '../support/database.ts';

const database = useDatabase();

const MEGABYTE = 1024 * 1024;

test('what PostgreSQL holds comes out exactly: numbers, moments, quotes, newlines, emoji, 1 MB of JSON', async () => {
  const root = await mkdtemp(join(tmpdir(), 'keepsake-copy-'));
  const client = await database().app.pool.connect();
  const nasty = 'a "quoted" \\ back,slash\r\nnew line \u{1F388} \u202Eright to left =1+1';
  const facts = await writePart(
    client,
    `SELECT 12345678901234567890123.456::numeric, 'NaN'::float8, 'infinity'::timestamptz,
            '-infinity'::date, '2026-01-02 03:04:05.123456+02'::timestamptz, 0.1::float8 + 0.2::float8,
            ${client.escapeLiteral(nasty)}, jsonb_build_object('n', 1e30::numeric, 't', repeat('x', ${MEGABYTE})),
            NULL, '', '\\x00ff'::bytea, interval '1 month 2 days'
       FROM generate_series(1, 3)`,
    {
      storage: createDirectoryStorage(root),
      key: 'part.csv.gz',
      compression: 'gzip',
      signal: new AbortController().signal,
    },
  );
  client.release();
  expect(facts.rows).toBe(3);
  const text = gunzipSync(await readFile(join(root, 'part.csv.gz'))).toString('utf8');
  expect(Buffer.byteLength(text)).toBe(facts.rawBytes);
  const rows: string[][] = parse(text, { record_delimiter: '\n' });
  expect(rows).toHaveLength(3);
  expect(rows[0]).toEqual([
    '12345678901234567890123.456',
    'NaN',
    'infinity',
    '-infinity',
    '2026-01-02 01:04:05.123456+00',
    '0.30000000000000004',
    nasty,
    `{"n": 1000000000000000000000000000000, "t": "${'x'.repeat(MEGABYTE)}"}`,
    '',
    '',
    '\\x00ff',
    '1 mon 2 days',
  ]);
  // Unknown and empty stay apart in the bytes, which is what a restore reads.
  expect(text).toContain(',,"",');
});
