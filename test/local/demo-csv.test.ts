import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { checkCsv, usersOfCsv } from '../../local/demo/demo-csv.ts';
import { chooseSegment } from '../../local/demo/demo-segment.ts';

let folder: string;
let path: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'keepsake-csv-'));
  path = join(folder, 'users.csv');
});

afterAll(() => rmSync(folder, { recursive: true }));

const write = (content: string | Buffer): string => {
  writeFileSync(path, content);
  return path;
};

test('an export file is read, with custom properties as text', async () => {
  write(
    '\uFEFFuserId,firstName,emailOptin,smsOptin,tags,legalHold,createdAt,properties.plan,properties.n\n' +
      'a,"Zoë ""Z"",\nx",TRUE,false,a;b,true,2026-01-01T00:00:00Z,,007\n\n' +
      'b,,,,,,,true,\n',
  );
  expect(await checkCsv(path)).toEqual({
    rows: 2,
    properties: ['plan', 'n'],
    leftOut: ['createdAt', 'legalHold'],
  });
  const users = [];
  for await (const user of usersOfCsv(path)) users.push(user);
  expect(users).toEqual([
    {
      userId: 'a',
      firstName: 'Zoë "Z",\nx',
      emailOptin: true,
      smsOptin: false,
      tags: ['a', 'b'],
      properties: { n: '007' },
    },
    { userId: 'b', properties: { plan: 'true' } },
  ]);
});

test.each([
  ['firstName\nZoë\n', /no column "userId"/],
  ['userId,userId\na,b\n', /"userId" is repeated/],
  [
    'userId,Plan\na,b\n',
    /"Plan" is not a known property; name custom properties properties\.<name>/,
  ],
  ['userId,properties.my plan\na,b\n', /"properties\.my plan" cannot be a property/],
  ['userId,properties.__proto__\na,b\n', /cannot be a property/],
  ['userId\n', /no users/],
  ['', /no users/],
  ['userId,city\na\n', /line 2/],
  ['userId,city\na,"Rome\n', /line 2/],
  [Buffer.from([0x75, 0x73, 0x65, 0x72, 0x49, 0x64, 0x0a, 0xff, 0x0a]), /not valid UTF-8/],
  ['userId,emailOptin\na,true\nb,yes\n', /line 3, column "emailOptin" must be true or false/],
  ['userId,smsOptin\na,1\n', /line 2, column "smsOptin" must be true or false/],
  ['userId,email\na,nobody\n', /line 2, column "email" must be an email address/],
  ['userId,city\n,Rome\n', /line 2, column "userId"/],
  [`userId,properties.p\na,${'x'.repeat(256)}\n`, /column "properties\.p" must have at most 255/],
])('an invalid file is refused with its path and the reason (%#)', async (text, why) => {
  write(text);
  await expect(checkCsv(path)).rejects.toThrow(why);
  await expect(checkCsv(path)).rejects.toThrow(path);
});

test('a file that cannot be read is named in the error', async () => {
  const missing = join(folder, 'nope.csv');
  await expect(checkCsv(missing)).rejects.toThrow(`${missing} cannot be read`);
  await expect(checkCsv(folder)).rejects.toThrow(`${folder} cannot be read`);
});

test('the error for a file with many faults lists only the first faults', async () => {
  write(`userId,dob\n${'a,never\n'.repeat(5_000)}`);
  const error = await checkCsv(path).catch((reason: unknown) => reason);
  expect((error as Error).message.split('\n')).toHaveLength(12);
});

const withIds = (records: Record<string, string>[]) =>
  records.map((record, n) => ({ userId: `u-${n}`, ...record }));

test('the segment contains the users with a value that about a quarter of all users have', () => {
  const cities = ['Rome', 'Rome', 'Oslo', 'Bonn', 'Kyiv', 'Lima', 'Bern', 'Cork'];
  const records = withIds(cities.map((city) => ({ city, country: 'X', email: `${city}@x` })));
  expect(chooseSegment(records).filter).toEqual({ field: 'city', op: 'is', value: 'Rome' });
});

test.each([
  [1, 1],
  [2, 1],
  [3, 1],
  [100, 25],
  [10_000, 1_000],
])('without such a value, the segment of %i users has %i users by their ids', (count, expected) => {
  const records = withIds(Array.from({ length: count }, () => ({ country: 'X', city: '' })));
  const { filter } = chooseSegment(records);
  expect(filter).toMatchObject({ field: 'userId', op: 'in' });
  expect(filter.value).toHaveLength(expected);
});
