import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { beforeAll, expect, test } from 'vitest';
import { getExport, listParts } from '../../../db/exports/exports.ts';
import { partitionOf } from '../../../db/workspaces.ts';
import { openExport } from '../../../files/open-export.ts';
import { useDatabase } from '../../support/database/database.ts';
import {
  type SeededWorkspace,
  seedWorkspace,
  startExport,
  useDeletionSteps,
} from '../../support/steps/deletion.ts';
import { exportUsers } from '../../support/steps/export.ts';
import { onlyMemberOf } from '../../support/steps/only-member.ts';

/** A part covers 4,096 pages of the table, and a page holds fewer than two of these users. */
const USERS = 8_500;

const database = useDatabase();
const steps = useDeletionSteps(database);
let workspace: SeededWorkspace;

beforeAll(async () => {
  workspace = await seedWorkspace(database(), 'sparse', 0);
  const { pool } = database().owner;
  await pool.query(`ALTER TABLE "${partitionOf('sparse')}" SET (fillfactor = 10)`);
  await pool.query(
    `INSERT INTO users (workspace_id, user_id, first_name)
     SELECT 'sparse', 'u-' || n, repeat(md5(n::text), 8) FROM generate_series(1, $1::int) n`,
    [USERS],
  );
});

const columns = ['userId', 'firstName'];

test('a gzip export of several parts is one member that holds all users', async () => {
  const { id, rows, bytes, text } = await exportUsers(database(), steps, workspace, {
    compression: 'gzip',
    columns,
  });
  const { db } = database().app;
  const row = await getExport(db, id);
  const parts = await listParts(db, row);
  // Header, two parts of users, trailer.
  expect(parts.map((part) => part.rows > 0)).toEqual([false, true, true, false]);
  expect(rows).toBe(USERS);
  expect(text.split('\n').length - 2).toBe(USERS);
  expect(onlyMemberOf(bytes).toString()).toBe(text);
  expect(row.bytes).toBe(bytes.length);
  expect(row.sha256).toBe(createHash('sha256').update(bytes).digest('hex'));

  const file = { ...row, attempt: row.attempt!, bytes: row.bytes! };
  const deps = { db, storage: steps.deps.storage };
  const border = parts[0]!.bytes + parts[1]!.bytes;
  const ends = [0, 9, 10, border - 1, border, bytes.length - 11, bytes.length - 1];
  for (const start of ends) {
    for (const end of ends.filter((at) => at >= start)) {
      const some = await buffer(await openExport(deps, file, { start, end }));
      expect(some.equals(bytes.subarray(start, end + 1))).toBe(true);
    }
  }
});

test.each(['csv', 'ndjson'] as const)(
  'a gzip export of no users is one member as well (%s)',
  async (format) => {
    const nobody = await seedWorkspace(database(), `nobody-${format}`, 0);
    const { rows, text } = await exportUsers(database(), steps, nobody, {
      format,
      compression: 'gzip',
      columns,
    });
    expect({ rows, text }).toEqual({ rows: 0, text: format === 'csv' ? 'userId,firstName\n' : '' });
  },
);

test.each([
  ['the header', '000000', (file: Buffer) => file.fill(0x55, 12, 13)],
  ['a part', '000001', (file: Buffer) => file.fill(file.readUInt8(30) ^ 1, 30, 31)],
  ['a part cut short', '000001', (file: Buffer) => file.subarray(0, -4)],
  ['the trailer', '000002', (file: Buffer) => file.fill(file.readUInt8(4) ^ 1, 4, 5)],
])(
  '%s that differs from the written bytes is detected when it is read back',
  async (name, part, spoil) => {
    const small = await seedWorkspace(database(), `spoilt-${name.replaceAll(' ', '-')}`, 10);
    const jobId = await startExport(database(), small, { compression: 'gzip', columns });
    const { storage } = steps.deps;
    const { put } = storage;
    storage.put = async (key, content) => {
      await put(key, content);
      if (!key.includes(part)) return;
      const path = join(steps.storageDir, key);
      await writeFile(path, spoil(await readFile(path)));
    };
    try {
      await expect(steps.write(jobId)).rejects.toMatchObject({ type: 'backupDamaged' });
    } finally {
      storage.put = put;
    }
  },
);
