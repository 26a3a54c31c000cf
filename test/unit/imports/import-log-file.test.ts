import { parse } from 'csv-parse/sync';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { storableLine } from '../../../imports/log/failed-lines.ts';
import { logLines, readLogHead } from '../../../imports/log/log-file.ts';
import { guarded, unguarded } from '../../../selection/formula-guard.ts';
import { guardedCell } from '../../support/http/guarded.ts';
import {
  fileOf,
  linesOf,
  ONE_OF_EACH,
  type ReadFileOptions,
} from '../../support/steps/import-file.ts';

/** The log of the failed lines of a file, in the form that the API sends. */
const logOf = async (content: string, options: ReadFileOptions, spreadsheetSafe: boolean) => {
  const { failed } = await linesOf(content, { spreadsheetSafe: null, ...options });
  const head = await readLogHead(fileOf(content), {
    types: ONE_OF_EACH,
    ...options,
    spreadsheetSafe: options.spreadsheetSafe ?? undefined,
  });
  const lines = logLines(head, spreadsheetSafe);
  return lines.begin + failed.map(storableLine).map(lines.line).join('');
};

const OPTIONS: ReadFileOptions = { spreadsheetSafe: null };

test('the log has the columns and the separator of the file, and the error in its last column', async () => {
  const log = await logOf('userId;email;city\n1;none;"a;b"\n2;a@x.example;ok\n', OPTIONS, false);
  expect(log).toBe(
    'userId;email;city;error\n' +
      '1;none;"a;b";invalidDataType, line 2: email must be an email address: name@example.com\n',
  );
});

const FILES: [string, string, ReadFileOptions][] = [
  ['commas', 'userId,email,firstName\n1,none,=1+1\n,a@x.example,x\n', OPTIONS],
  ['semicolons', 'userId;email;firstName\n1;none;a;b\n2;none;"=1;-2"\n', OPTIONS],
  ['sep=', 'sep=|\nuserId|email|firstName\n1|none|@x,y\n', OPTIONS],
  ['another sep=', 'sep=^\nuserId^email^firstName\n1^none^=x\n', OPTIONS],
  ['padding', 'userId,email,,\n1,none,,\n', OPTIONS],
  ['a mark', `\uFEFFuserId,email,firstName,tags\n1,none,'=1+1,"'-a;'=b"\n`, OPTIONS],
  ['a guard that is none', `userId,email,firstName\n1,none,'=1+1\n`, OPTIONS],
  [
    'numbers that look like formulas',
    'userId,email,properties.number,dob\n1,none,-5,=x\n',
    OPTIONS,
  ],
  [
    'a mapping',
    'Id;Mail;-Plan;Notes\n1;none;=x;note\n',
    {
      ...OPTIONS,
      columns: { Id: 'userId', Mail: 'email', '-Plan': 'properties.string', Notes: null },
    },
  ],
  ['lines within cells', 'userId,email,firstName\r\n1,none,"a\r\nb ""💜"""\r\n', OPTIONS],
];

test('a log with uncorrected lines, or with cells moved by a spreadsheet, changes no user', async () => {
  for (const content of [
    'userId,firstName\nUSERID,FIRSTNAME\n',
    'userId,firstName\n\uFEFFx,Ann\n',
    'userId,email,firstName\n1,none,A\0b\n',
  ]) {
    for (const safe of [true, false]) {
      const log = await logOf(content, OPTIONS, safe);
      const mended = log.replace('none', 'a@x.example');
      const { rows, failed } = await linesOf(mended, OPTIONS);
      expect({ content, safe, rows: rows.length, failed: failed.length }).toEqual({
        content,
        safe,
        rows: 0,
        failed: 1,
      });
    }
  }
  const short = await logOf('userId,email,city,country\n2,a@x.example\n', OPTIONS, false);
  for (const padding of ['', ',', ',,']) {
    const { rows } = await linesOf(short.replace(/\n$/, `${padding}\n`), OPTIONS);
    expect(rows).toEqual([]);
  }
});

test('a line of a log that has U+FFFD of its own is imported once its error is corrected', async () => {
  const log = await logOf('userId,email,firstName\n1,none,A\uFFFDb\n', OPTIONS, false);
  const { rows, failed } = await linesOf(log.replace('none', 'a@x.example'), OPTIONS);
  expect(failed).toEqual([]);
  expect(rows).toMatchObject([{ userId: '1', columns: { first_name: 'A\uFFFDb' } }]);
});

test.each([
  ['beside another error', 'userId,email,firstName\n1,none,A\0b\n', OPTIONS],
  ['in a number', 'userId,properties.number,firstName\n1,2\0,A\n', OPTIONS],
  ['in a line with too few cells', 'userId,email,firstName\n1,A\0b\n', OPTIONS],
  [
    'in a column that is left out',
    'userId,email,Note\n1,none,A\0b\n',
    {
      ...OPTIONS,
      columns: { Note: null },
    },
  ],
])(
  'U+FFFD that replaces NUL %s is refused in each next log, until it is corrected',
  async (_what, content, options) => {
    for (const safe of [true, false]) {
      let log = await logOf(content, options, safe);
      for (let round = 0; round < 3; round++) {
        expect(log).toContain('U+FFFD, which replaces a character that cannot be stored');
        log = log.replace(/(?<=\n'?1),(?=A)/, ',a@x.example,').replace('none', 'a@x.example');
        expect((await linesOf(log, options)).rows).toEqual([]);
        log = await logOf(log, options, safe);
      }
      const corrected = log.replace(/(?<=,'?(?:A|2))\uFFFD/, '').replace(/(?<=\n'?1),(?=A)/, ',,');
      expect((await linesOf(corrected, options)).failed).toEqual([]);
    }
  },
);

const mend = (text: string): string =>
  text
    .replaceAll(/(?<=[,;|^])none(?=[,;|^\n\r])/g, 'a@x.example')
    .replaceAll(/'?=x(?=[,^\n\r])/g, '');

for (const safe of [true, false]) {
  test.each(FILES)(
    `the log of a file with %s can be imported unchanged, and fails as before (spreadsheetSafe ${safe})`,
    async (_what, content, options) => {
      const first = await logOf(content, options, safe);
      const { rows, failed } = await linesOf(first, options);
      expect(rows).toEqual([]);
      const before = (await linesOf(content, options)).failed;
      // The log has one column more.
      const told = (lines: typeof failed) =>
        lines.map(({ code, message }) => [code, message.replace(/\d+ cells.*\d+/, '')]);
      expect(told(failed)).toEqual(told(before));
      // The log of the log is the same, except for the numbers of lines and cells.
      const numbers = /, line \d+:|\d+ cells.*\d+/g;
      const second = await logOf(first, options, safe);
      expect(second.replace(numbers, '')).toBe(first.replace(numbers, ''));
    },
  );

  test.each(FILES.filter(([what]) => what !== 'semicolons'))(
    `the log of a file with %s is corrected and imported with the same values (spreadsheetSafe ${safe})`,
    async (_what, content, options) => {
      const wanted = (await linesOf(mend(content).replace(/^,.*\n/m, ''), options)).rows;
      const log = mend(await logOf(content, options, safe));
      const { rows } = await linesOf(log, options);
      const valuesOf = (given: typeof rows) =>
        given.map(({ userId, columns, properties }) => ({ userId, columns, properties }));
      expect(valuesOf(rows)).toEqual(valuesOf(wanted));
      expect(rows).toHaveLength(1);
    },
  );
}

test('a line with too few or too many cells fails again until a person corrects it', async () => {
  const log = await logOf('userId,email,city\n1,a@x.example\n2,a@x.example,x,y\n', OPTIONS, false);
  const { rows, failed } = await linesOf(log, OPTIONS);
  expect(rows).toEqual([]);
  expect(failed.map(({ code }) => code)).toEqual(['wrongCellCount', 'wrongCellCount']);
  expect((await logOf(log, OPTIONS, false)).match(/wrongCellCount/g)).toHaveLength(2);
});

test('a line of a log that has lost its last cell keeps its values in the next log', async () => {
  for (const line of ['u-1,a@x.example', 'u-1,Ada,a@x.example', 'u-1']) {
    const log = await logOf(`userId,firstName,email,error\n${line}\n`, OPTIONS, false);
    expect(log).toContain(`\n${line},"wrongCellCount, line 2: `);
  }
});

test('a last column error belongs to a log and is ignored, and any other column error is an ordinary column', async () => {
  expect((await linesOf('userId,error\n1,x\n')).rows).toHaveLength(1);
  await expect(linesOf('userId,error,city\n1,x,y\n')).rejects.toMatchObject({
    type: 'invalidHeader',
  });
  const columns = { error: 'city' };
  const { rows } = await linesOf('userId,error\n1,x\n', { columns });
  expect(rows).toMatchObject([{ columns: { city: 'x' } }]);
  const again = await linesOf('userId,error,error\n1,x,wrong\n', { columns });
  expect(again.rows).toMatchObject([{ columns: { city: 'x' } }]);
});

test('a text in a log is guarded in the same way as a file for spreadsheets', () => {
  const pieces = fc.constantFrom(...Array.from('=+-@\'";,|\t\r\n a1é＝＠😀'));
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 10 }), (characters) => {
      const text = characters.join('');
      expect(guarded(text)).toBe(guardedCell(text));
      expect(unguarded(guarded(text))).toBe(text);
    }),
    { numRuns: 2_000 },
  );
});

test('no cell of a log for spreadsheets begins like a formula', async () => {
  const content = 'userId;email;properties.number\n1;=cmd();=2\n-1;+x;@y\n';
  const log = await logOf(content, OPTIONS, true);
  expect(log.startsWith('\uFEFF')).toBe(true);
  const records: string[][] = parse(log, { delimiter: ';', bom: true });
  expect(records).toHaveLength(3);
  for (const cell of records.flat()) expect(cell).not.toMatch(/^[=+@-]/);
});
