import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decompress } from '@cloudpss/zstd/napi';
import { parse } from 'csv-parse/sync';
import { beforeAll, expect, test } from 'vitest';
import { writePart } from '../../../activities/exports/write-part.ts';
import { createProperty } from '../../../db/users/properties.ts';
import { findUser } from '../../../db/users/users.ts';
import { createDirectoryStorage } from '../../../storage/directory.ts';
import { useDatabase } from '../../support/database/database.ts';
import { createDeletionSteps, type DeletionSteps } from '../../support/steps/deletion.ts';
import {
  exportUsers,
  SYSTEM_NAMES,
  seedTypedWorkspace,
  startExportOfUsers,
  TYPED_NAMES,
  writeExport,
} from '../../support/steps/export.ts';

const database = useDatabase();
const MEGABYTE = 1024 * 1024;
const NASTY = 'a "quoted" \\ back,slash\r\nnew line \u{1F388} \u202Eright to left \u0001\u0002\t;';
const LONG = 'x'.repeat(MEGABYTE);

let steps: DeletionSteps;
let workspace: Awaited<ReturnType<typeof seedTypedWorkspace>>;

/** Adds a user. The properties are JSON text, so that no number passes through JavaScript. */
const add = async (userId: string, columns: Record<string, string>, properties: string) => {
  const names = Object.keys(columns);
  await database().owner.pool.query(
    `INSERT INTO users (workspace_id, user_id, properties${names.map((name) => `, ${name}`).join('')})
     VALUES ($1, $2, $3${names.map((_, i) => `, $${i + 4}`).join('')})`,
    [workspace.workspaceId, userId, properties, ...Object.values(columns)],
  );
};

beforeAll(async () => {
  steps = await createDeletionSteps(database());
  workspace = await seedTypedWorkspace(database(), 'exact');
  await add(
    'nasty',
    {
      first_name: NASTY,
      city: '=1+1',
      dob: 'infinity',
      email_optin: 'true',
      sms_optin: 'false',
      tags: '{"-5 %","a \\"b\\", c"}',
      created_at: '2026-01-02 03:04:05.123456+02',
      updated_at: 'infinity',
    },
    `{"string": ${JSON.stringify(NASTY)}, "number": 12345678901234567890123.4560, "boolean": true,
      "date": "2026-01-02", "time": "09:30:00", "datetime": "2026-01-02T03:04:05.000006Z",
      "list": ["'a", "b\\n\\"c\\"", "d", "e\\\\"], "email": "@x", "phone": "919000500000", "url": "https://example.com/?a=1,2"}`,
  );
  await add('plain', { created_at: '2026-01-02 03:04:05Z', updated_at: '0001-01-01Z' }, '{}');
  await add(
    'odd',
    { first_name: '', tags: '{a,NULL,b}', created_at: '12026-01-02Z', dob: '-infinity' },
    `{"string": {"n": 1e30, "t": "${LONG}"}, "number": "NaN", "boolean": "t", "date": 5, "time": [1],
      "datetime": null, "list": "a;b", "email": "", "phone": 1.0, "url": false}`,
  );
  await add(
    'lists',
    { tags: '{one}' },
    '{"list": [1, null, ["a"], {"b": 2}], "number": null, "boolean": null, "string": null}',
  );
  await add('empty', {}, '{"list": [], "string": "", "number": -1e-7}');
  await add('two', {}, '{"list": ["a", "b"], "number": 0.10}');
});

const csv = async (wanted: Parameters<typeof exportUsers>[3] = {}) => {
  const { rows, text } = await exportUsers(database(), steps, workspace, wanted);
  const records: Record<string, string>[] = parse(text, {
    columns: true,
    bom: true,
    record_delimiter: '\n',
  });
  expect(records).toHaveLength(rows);
  const header = parse(text, { to: 1, record_delimiter: '\n' })[0];
  return { text, header, users: new Map(records.map((record) => [record['userId'], record])) };
};

const NASTY_CELLS = {
  userId: 'nasty',
  firstName: NASTY,
  lastName: '',
  city: '=1+1',
  dob: 'infinity',
  emailOptin: 'true',
  smsOptin: 'false',
  whatsAppOptin: '',
  tags: '-5 %;a "b", c',
  legalHold: 'false',
  createdAt: '2026-01-02T01:04:05.123456Z',
  updatedAt: 'infinity',
  'properties.string': NASTY,
  'properties.number': '12345678901234567890123.4560',
  'properties.boolean': 'true',
  'properties.date': '2026-01-02',
  'properties.time': '09:30:00',
  'properties.datetime': '2026-01-02T03:04:05.000006Z',
  'properties.list': '\'a;b\n"c";d;e\\',
  'properties.email': '@x',
  'properties.phone': '919000500000',
  'properties.url': 'https://example.com/?a=1,2',
};

test.each(['gzip', 'none'] as const)(
  'a CSV file (%s) has every value with all its digits and characters',
  async (compression) => {
    const { header, users } = await csv({ compression });
    expect(header).toEqual([...SYSTEM_NAMES, ...TYPED_NAMES]);
    expect(users.size).toBe(6);
    expect(users.get('nasty')).toMatchObject(NASTY_CELLS);
    expect(users.get('plain')).toMatchObject({
      tags: '',
      createdAt: '2026-01-02T03:04:05Z',
      updatedAt: '0001-01-01T00:00:00Z',
      ...Object.fromEntries(TYPED_NAMES.map((name) => [name, ''])),
    });
    expect(users.get('empty')).toMatchObject({
      'properties.list': '',
      'properties.string': '',
      'properties.number': '-0.0000001',
    });
    expect(users.get('two')).toMatchObject({
      'properties.list': 'a;b',
      'properties.number': '0.10',
    });
  },
);

test('a value of another JSON type than its property is written as its JSON text', async () => {
  const { users } = await csv();
  expect(users.get('odd')).toMatchObject({
    firstName: '',
    dob: '-infinity',
    createdAt: '12026-01-02T00:00:00Z',
    'properties.string': `{"n": 1000000000000000000000000000000, "t": "${LONG}"}`,
    'properties.number': '"NaN"',
    'properties.boolean': '"t"',
    'properties.date': '5',
    'properties.time': '[1]',
    'properties.datetime': '',
    'properties.list': '"a;b"',
    'properties.email': '',
    'properties.phone': '1.0',
    'properties.url': 'false',
  });
  expect(users.get('lists')).toMatchObject({
    'properties.list': '1;["a"];{"b": 2}',
    'properties.number': '',
    'properties.boolean': '',
    'properties.string': '',
  });
});

test('a file for spreadsheets differs in the texts that a spreadsheet could run as a formula', async () => {
  const { text, users } = await csv({ spreadsheetSafe: true });
  expect(text.startsWith('\uFEFFuserId,')).toBe(true);
  expect(users.get('nasty')).toMatchObject({
    ...NASTY_CELLS,
    city: "'=1+1",
    tags: '\'-5 %;a "b", c',
    'properties.list': '\'\'a;b\n"c";d;e\\',
    'properties.email': "'@x",
  });
  expect(users.get('empty')).toMatchObject({ 'properties.number': '-0.0000001' });
  expect(users.get('odd')).toMatchObject({ dob: '-infinity' });
});

test.each(['gzip', 'none'] as const)(
  'an NDJSON file (%s) has each user as the API shows it, with all digits',
  async (compression) => {
    const { rows, text } = await exportUsers(database(), steps, workspace, {
      format: 'ndjson',
      compression,
    });
    const lines = text.split('\n');
    expect(lines.pop()).toBe('');
    expect(lines).toHaveLength(rows);
    const { db } = database().app;
    const ids = lines.map((line) => (JSON.parse(line) as { userId: string }).userId);
    const shown = await Promise.all(ids.map((id) => findUser(db, workspace.workspaceId, id)));
    expect(lines).toEqual(shown);

    const nasty = lines[ids.indexOf('nasty')] ?? '';
    expect(JSON.parse(nasty)).toMatchObject({
      firstName: NASTY,
      lastName: null,
      dob: 'infinity',
      emailOptin: true,
      tags: ['-5 %', 'a "b", c'],
      createdAt: '2026-01-02T01:04:05.123456Z',
      updatedAt: 'infinity',
      properties: { string: NASTY, list: ["'a", 'b\n"c"', 'd', 'e\\'] },
    });
    expect(nasty).toContain('"number": 12345678901234567890123.4560');
    expect(lines[ids.indexOf('odd')]).toContain('"n": 1000000000000000000000000000000');
    expect(JSON.parse(lines[ids.indexOf('plain')] ?? '')).toMatchObject({
      tags: [],
      properties: {},
    });
  },
);

test('a file has exactly the chosen columns, in the given order', async () => {
  const columns = ['properties.number', 'email', 'userId', 'properties.list'];
  const { header, users } = await csv({ columns });
  expect(header).toEqual(columns);
  expect(users.get('two')).toEqual({
    'properties.number': '0.10',
    email: '',
    userId: 'two',
    'properties.list': 'a;b',
  });
  const json = await exportUsers(database(), steps, workspace, { format: 'ndjson', columns });
  const lines = json.text.trimEnd().split('\n');
  expect(lines).toContain(
    '{"email":null,"userId":"two","properties":{"list": ["a", "b"], "number": 0.10}}',
  );
  expect(lines).toContain('{"email":null,"userId":"plain","properties":{}}');
  const system = await exportUsers(database(), steps, workspace, {
    format: 'ndjson',
    columns: ['userId'],
  });
  expect(system.text.trimEnd().split('\n')).toContain('{"userId":"plain"}');
});

test('a property that is defined after the request of an export is not in its file', async () => {
  const jobs = [
    await startExportOfUsers(database(), workspace, { format: 'ndjson' }),
    await startExportOfUsers(database(), workspace, { format: 'csv' }),
  ];
  await createProperty(database().owner.db, {
    workspaceId: workspace.workspaceId,
    name: 'later',
    type: 'string',
  });
  await add('late', {}, '{"later": "secret", "string": "shown"}');
  for (const jobId of jobs) {
    const { text } = await writeExport(database(), steps, jobId);
    expect(text).toContain('shown');
    expect(text).not.toContain('later');
    expect(text).not.toContain('secret');
  }
});

test('an export of no users is an empty file, or only the header', async () => {
  const nobody = await seedTypedWorkspace(database(), 'nobody');
  for (const compression of ['gzip', 'none'] as const) {
    const json = { format: 'ndjson', compression } as const;
    expect(await exportUsers(database(), steps, nobody, json)).toMatchObject({ rows: 0, text: '' });
    const empty = await exportUsers(database(), steps, nobody, { compression, columns: ['email'] });
    expect(empty).toMatchObject({ rows: 0, text: 'email\n' });
  }
});

test('a backup writes values of any type as text that is the same on every server', async () => {
  const root = await mkdtemp(join(tmpdir(), 'keepsake-copy-'));
  const client = await database().app.pool.connect();
  const facts = await writePart(
    client,
    {
      query: `SELECT 12345678901234567890123.456::numeric, 'NaN'::float8, 'infinity'::timestamptz,
            '-infinity'::date, '2026-01-02 03:04:05.123456+02'::timestamptz, 0.1::float8 + 0.2::float8,
            ${client.escapeLiteral(NASTY)}, jsonb_build_object('n', 1e30::numeric, 't', repeat('x', ${MEGABYTE})),
            NULL, '', '\\x00ff'::bytea, interval '1 month 2 days'
       FROM generate_series(1, 3)`,
    },
    {
      storage: createDirectoryStorage(root),
      key: 'part.csv.zst',
      format: 'csv',
      compression: 'zstd',
      signal: new AbortController().signal,
    },
  );
  client.release();
  expect(facts.rows).toBe(3);
  const text = Buffer.from(decompress(await readFile(join(root, 'part.csv.zst')))).toString('utf8');
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
    NASTY,
    `{"n": 1000000000000000000000000000000, "t": "${'x'.repeat(MEGABYTE)}"}`,
    '',
    '',
    '\\x00ff',
    '1 mon 2 days',
  ]);
  // Unknown and empty values differ in the bytes, which a restore reads.
  expect(text).toContain(',,"",');
});
