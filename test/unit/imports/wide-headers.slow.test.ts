import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { linesOf, MAX_LINES } from '../../../imports/lines.ts';
import { withoutMarks } from '../../../imports/marks.ts';
import { entriesOf } from '../../../imports/user-list.ts';
import { fileOf, ONE_OF_EACH } from '../../support/steps/import-file.ts';

const WIDTH = 200_000;
const LINES = 20_000;
const ROUNDS = 3;

/** Different names without letters. Columns with such names at the end of a header are padding. */
const signs = (count: number): string => {
  const digits = '!#$%&*+-./:<=>?@^_~';
  const nameOf = (n: number): string =>
    n < digits.length
      ? digits.charAt(n)
      : nameOf(Math.floor(n / digits.length) - 1) + digits.charAt(n % digits.length);
  return Array.from({ length: count }, (_, n) => `,${nameOf(n)}`).join('');
};

const EMPTY = ','.repeat(WIDTH);
/** Fewer, because the longest header has 1,048,576 characters. */
const SIGNS = signs(150_000);

type Read = (file: Readable) => Promise<void>;

const importOf =
  (columns?: Record<string, string | null>): Read =>
  async (file) => {
    for await (const { records } of linesOf(file, { types: ONE_OF_EACH, columns })) void records;
  };

const readList: Read = async (file) => {
  for await (const piece of entriesOf(file, {})) void piece;
};

const MAPPED = { Id: 'userId', City: 'city' };

/** The processor time in seconds to read a file. */
const secondsOf = async (read: Read, content: string): Promise<number> => {
  const before = process.cpuUsage();
  await read(fileOf(content));
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000_000;
};

/** The processor time in seconds to remove the marks of a file, in pieces as of a file. */
const secondsToUnmark = async (content: string): Promise<number> => {
  const header = Buffer.from(content.slice(0, content.indexOf('\n')));
  const read = async (file: Readable): Promise<void> => {
    for await (const piece of withoutMarks(file, { header, separator: ',', isMarked: false })) {
      void piece;
    }
  };
  return secondsOf(read, content);
};

test.each([
  ['an import', importOf(), 'userId,city', EMPTY, 'userId,city', 'u-1,Pune'],
  ['an import', importOf(), 'userId,city', EMPTY, 'userid,CITY', 'u-1,Pune'],
  ['an import with a mapping', importOf(MAPPED), 'Id,City', SIGNS, 'x,City', 'u-1,Pune'],
  [
    'an import with its last name at the end',
    importOf({ ...MAPPED, '': null }),
    'Id',
    `,${EMPTY}City`,
    'id',
    'u-1',
  ],
  ['a list', readList, 'userId', EMPTY, 'userId', 'u-1'],
  ['a list', readList, 'userId,city', SIGNS, 'x,city', 'u-1,Pune'],
])(
  'the width of the header does not add to the time for each line of %s',
  async (_what, read, names, padding, line, last) => {
    const narrowNames = padding.endsWith('City') ? `${names},,City` : names;
    const lines = `\n${`${line}\n`.repeat(LINES)}${last}\n`;
    const least = { header: Infinity, narrow: Infinity, wide: Infinity };
    for (let round = 0; round < ROUNDS; round++) {
      const narrow = await secondsOf(read, narrowNames + lines);
      const header = await secondsOf(read, `${names}${padding}\n${last}\n`);
      const wide = await secondsOf(read, names + padding + lines);
      least.narrow = Math.min(least.narrow, narrow);
      least.header = Math.min(least.header, header);
      least.wide = Math.min(least.wide, wide);
    }
    expect(least.wide / (least.header + least.narrow)).toBeLessThan(4);
  },
);

/** A header that repeats a mark and a name so often, and lines after it. */
const REPEATING: [what: string, file: (times: number) => string][] = [
  ['the same lines', (times) => `x${',\uFEFFuserId'.repeat(times)}\n`.repeat(10)],
  [
    'lines that are as long as its names',
    (times) => `x${',\uFEFFx'.repeat(times)}\n${'abcd\n'.repeat(times)}`,
  ],
];

test.each(REPEATING)(
  'four times as many marks in a header take less than ten times as long to remove: %s',
  async (_what, file) => {
    const least = { few: Infinity, many: Infinity };
    for (let round = 0; round < ROUNDS; round++) {
      least.few = Math.min(least.few, await secondsToUnmark(file(20_000)));
      least.many = Math.min(least.many, await secondsToUnmark(file(80_000)));
    }
    expect(least.many / least.few).toBeLessThan(10);
  },
);

test('a short line of a list whose last column has a name still fails by its number of cells', async () => {
  for (const line of ['userId', 'u-1']) {
    await expect(readList(fileOf(`userId${EMPTY}city\n${line}\n`))).rejects.toMatchObject({
      type: 'invalidCsv',
      line: 2,
    });
  }
});

test('repeated headers of an import count towards a maximum of their own', async () => {
  const headers = Buffer.from('userId\n'.repeat(100_000));
  const pieces = Array.from({ length: MAX_LINES / 100_000 }, () => headers);
  const rest = ['2\n3\nsep=,\n', 'userId\n'].map((text) => Buffer.from(text));
  const file = Readable.from([Buffer.from('userId\n1\n'), ...pieces, ...rest]);
  await expect(importOf()(file)).rejects.toMatchObject({
    type: 'tooManyRows',
    line: MAX_LINES + 6,
    detail: 'there are more than 5000000 repeated headers. Split the file.',
  });
});
