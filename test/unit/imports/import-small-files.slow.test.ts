import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { readHeader } from '../../../imports/header.ts';
import { MAX_BLANK_LINES, recordsOf } from '../../../imports/records.ts';
import { longestTurnShare } from '../../support/stack/longest-turn.ts';
import { failureOf, fileOf, ONE_OF_EACH } from '../../support/steps/import-file.ts';

const MIB = 1024 * 1024;

/** The processor time in seconds to read a file. */
const secondsOf = async (content: string): Promise<number> => {
  const before = process.cpuUsage();
  let count = 0;
  for await (const records of recordsOf(fileOf(content))) count += records.length;
  expect(count).toBeGreaterThan(0);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000_000;
};

test.each([
  ['are blank', '\n'],
  ['are blank, by two characters', '\r\n'],
  ['have fewer cells', '1\n'],
  ['have more cells', '1,2,3\n'],
  ['have empty cells only', ',,,\n'],
  ['have byte-order marks', '1\uFEFF\uFEFF,2\n'],
])('lines that %s take less than five times as long to read as others', async (_what, line) => {
  const [usual, these] = ['1,2\n', line].map((one) => `a,b\n${one.repeat(100_000)}`);
  await secondsOf(usual!);
  // Other work of the machine only adds time, so the least time of each is the closest.
  const least = { usual: Infinity, these: Infinity };
  for (let round = 0; round < 5; round++) {
    least.usual = Math.min(least.usual, await secondsOf(usual!));
    least.these = Math.min(least.these, await secondsOf(these!));
  }
  expect(least.these / least.usual).toBeLessThan(5);
});

test.each([
  ['blank lines', '\n', 'tooManyRows'],
  ['blank lines, by two characters', '\r\n', 'tooLarge'],
  ['lines', '1\n', 'tooLarge'],
  ['zeros', '\0', 'recordTooLong'],
])(
  'a small compressed file of many %s is refused long before its end',
  async (_what, filler, wanted) => {
    const count = (20 * MIB) / filler.length;
    const packed = gzipSync(`userId\n${filler.repeat(count)}`);
    expect(packed.length).toBeLessThan(64 * 1024);
    for (const pieceBytes of [64, 65_536]) {
      const { type, line } = await failureOf(packed, pieceBytes);
      expect(type).toBe(wanted);
      expect(line).toBeLessThan(count / 2);
    }
  },
);

test('a file of many equal columns is not refused as too large', async () => {
  const header = ['userId', ...Array.from({ length: 300 }, (_, n) => `properties.p${n}`)].join();
  const cells = ',false'.repeat(300);
  const lines = Array.from({ length: 8_000 }, (_, n) => `u-${(n * 7_919) % 100_003}${cells}`);
  const packed = gzipSync([header, ...lines].join('\n'), { level: 9 });
  let count = 0;
  for await (const records of recordsOf(fileOf(packed))) count += records.length;
  expect(count).toBe(8_001);
});

test('blank lines count towards the maximum number of lines', async () => {
  const blank = Buffer.alloc(MIB, '\n');
  const pieces = Array.from({ length: Math.ceil(MAX_BLANK_LINES / MIB) + 1 }, () => blank);
  const read = async () => {
    let count = 0;
    const file = Readable.from([Buffer.from('userId\n1\n'), ...pieces]);
    for await (const records of recordsOf(file)) count += records.length;
    return count;
  };
  await expect(read()).rejects.toMatchObject({ type: 'tooManyRows', line: MAX_BLANK_LINES + 3 });
});

test.each([
  ['blank lines', '\n'],
  ['lines of empty cells', ';;\r\n'],
  ['byte-order marks', '\uFEFF\n'],
])('the search for a header ends after many %s', async (_what, line) => {
  let pieces = 0;
  const content = function* () {
    for (; pieces < 1_000; pieces++) yield Buffer.from(line.repeat(2_000));
    yield Buffer.from('userId\n');
  };
  const header = await readHeader(Readable.from(content()), { types: ONE_OF_EACH });
  expect(header).toEqual({
    count: 1,
    errors: [
      { pointer: '/file', detail: expect.stringContaining('all lines up to here are blank') },
    ],
  });
  expect(pieces).toBeLessThan(200);
});

test('the error of a long header does not report blank lines', async () => {
  for (const header of ['a'.repeat(100_000), `userId${','.repeat(200_000)}`]) {
    const read = await readHeader(fileOf(`${header}\n1\n`), { types: ONE_OF_EACH });
    expect(JSON.stringify(read)).not.toContain('blank');
  }
});

test('other tasks get processor time while a file of blank and short lines is read', async () => {
  const file = `userId,a\n1,2\n${'\n'.repeat(500_000)}${'1\n'.repeat(300_000)}`;
  expect(await longestTurnShare(() => secondsOf(file), 1 / 3)).toBeLessThan(1 / 3);
});
