import { parse } from 'csv-parse/sync';
import { beforeAll, expect, test } from 'vitest';
import type { ApiClient, Job } from '../../local/api-client.ts';
import { unguarded } from '../../selection/formula-guard.ts';
import { PROPERTY_TYPES } from '../../selection/property-types.ts';
import { onlyMemberOf } from '../support/steps/only-member.ts';
import { useSharedStack } from '../support/stack/stack.ts';

const stack = useSharedStack();

type Value = string | number | boolean | string[];
interface User extends Record<string, unknown> {
  userId: string;
  properties: Record<string, Value>;
}

const NASTY = 'a "quoted", \\ cell\r\nof lines \u{1F388} \u202Eright to left \u0001\u0002';

const USERS: User[] = [
  {
    userId: '=HYPERLINK("http://example.com")',
    firstName: "'s-Hertogenbosch",
    lastName: NASTY,
    city: '@home',
    email: '-x@example.com',
    phone: '919000500000',
    dob: '1960-02-29',
    emailOptin: true,
    smsOptin: false,
    tags: ['-5 %', 'a,b', NASTY],
    properties: {
      string: '\t=1+1',
      number: -1234.5,
      boolean: false,
      date: '2024-02-29',
      time: '23:59:59',
      datetime: '2024-07-01T00:00:00.000001Z',
      list: ["'quoted'", '"', '\\', 'é'],
      email: '+tag@example.com',
      phone: '00000',
      url: 'https://example.com/?q=a,b&c="d"',
    },
  },
  { userId: 'plain', tags: ['x'], properties: { string: '0', number: 1e-7, list: ['one'] } },
  { userId: 'unknown', properties: {} },
];

const TEXTS = new Set(['string', 'email', 'phone', 'url']);
const NOT_TEXT = new Set(['dob', 'emailOptin', 'smsOptin', 'whatsAppOptin', 'legalHold']);

/** Reads a cell by the type of its property, as an importer does. */
const valueOf = (type: string, cell: string): Value | undefined => {
  if (cell === '') return undefined;
  if (type === 'list') return cell.split(';');
  if (type === 'number') return Number(cell);
  return type === 'boolean' ? cell === 'true' : cell;
};

const known = (values: [string, Value | undefined][]) =>
  Object.fromEntries(values.filter(([, value]) => value !== undefined));

const typeOf = (name: string): string => {
  if (name.startsWith('properties.')) return name.slice('properties.'.length);
  if (name === 'tags') return 'list';
  return name.endsWith('Optin') ? 'boolean' : 'string';
};

const isCustom = ([name]: [string, unknown]): boolean => name.startsWith('properties.');

/** A user as it was written, from a record of CSV. */
const userOf = (record: Record<string, string>, isSafe: boolean): Record<string, unknown> => {
  const read = Object.entries(record).map(([name, cell]): [string, Value | undefined] => {
    const type = typeOf(name);
    const isText = TEXTS.has(type) || type === 'list';
    const isEscaped = isSafe && isText && !NOT_TEXT.has(name);
    return [name, valueOf(type, isEscaped ? unguarded(cell) : cell)];
  });
  const custom = read
    .filter(isCustom)
    .map(([name, value]): [string, Value | undefined] => [name.slice('properties.'.length), value]);
  return { ...known(read.filter((entry) => !isCustom(entry))), properties: known(custom) };
};

let admin: ApiClient;

beforeAll(async () => {
  admin = await stack().workspace('formats');
  for (const type of PROPERTY_TYPES) {
    await admin.succeed('POST', '/v1/properties', { name: type, type });
  }
  const { data } = await admin.succeed<{ data: { outcome: string }[] }>('POST', '/v1/users', USERS);
  if (data.some(({ outcome }) => outcome !== 'created')) throw new Error(JSON.stringify(data));
});

const exportText = async (options: object): Promise<string> => {
  const body = { selection: { type: 'all' }, notify: false, ...options };
  const { id } = await admin.succeed<{ id: string }>('POST', '/v1/exports', body);
  const job: Job = await admin.finish(id);
  expect(job).toMatchObject({ state: 'succeeded', counts: { exported: USERS.length }, ...options });
  const file = await admin.download(`/v1/exports/${id}/file`);
  return ('compression' in options ? file : onlyMemberOf(file)).toString('utf8');
};

test.each([
  [{}, true],
  [{ spreadsheetSafe: false, compression: 'none' }, false],
])('the users in a CSV file equal the users that were written (%j)', async (options, isSafe) => {
  const text = await exportText(options);
  const records: Record<string, string>[] = parse(text, {
    columns: true,
    bom: true,
    record_delimiter: '\n',
  });
  expect(records).toHaveLength(USERS.length);
  const users = new Map(
    records.map((record) => [String(userOf(record, isSafe)['userId']), userOf(record, isSafe)]),
  );
  for (const user of USERS) expect(users.get(user.userId)).toMatchObject(user);
});

test('no text cell of a file for spreadsheets starts like a formula', async () => {
  const records: Record<string, string>[] = parse(await exportText({}), {
    columns: true,
    bom: true,
  });
  const cells = records.flatMap((record) => Object.entries(record));
  const risky = cells.filter(([, cell]) => /^[=+\-@\t\r]/.test(cell));
  expect(risky.map(([name]) => name)).toEqual(['properties.number']);
});

test.each([{}, { compression: 'none' }])(
  'the users in an NDJSON file equal the users that were written, as the API shows them (%j)',
  async (options) => {
    const text = await exportText({ format: 'ndjson', ...options });
    const lines = text.trimEnd().split('\n');
    const users = lines.map((line) => JSON.parse(line) as User);
    expect(users).toHaveLength(USERS.length);
    for (const user of USERS) {
      const exported = users.find(({ userId }) => userId === user.userId);
      expect(exported).toMatchObject({ ...user, properties: expect.anything() });
      expect(exported?.properties).toEqual(user.properties);
      const shown = await admin.succeed('GET', `/v1/users/${encodeURIComponent(user.userId)}`);
      expect(exported).toEqual(shown);
    }
  },
);
