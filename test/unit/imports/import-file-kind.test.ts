import { brotliCompressSync, deflateRawSync, gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { createKindCheck, KIND_BYTES, kindOfFile } from '../../../imports/file-kind.ts';
import { ImportFileError } from '../../../imports/file-error.ts';
import { recordsOf } from '../../../imports/records.ts';
import { fileOf } from '../../support/steps/import-file.ts';

const CSV = 'userId,firstName\n1,Ann\n';

const bytesOf = (...values: number[]) => Buffer.from(values);
const utf16 = (text: string) => Buffer.from(text, 'utf16le');
const swapped = (bytes: Buffer) => Buffer.from(bytes).swap16();

/** The first entry of a zip archive. */
const zipOf = (name: string, content = 'x') => {
  const head = Buffer.alloc(30);
  head.write('PK\x03\x04');
  head.writeUInt16LE(name.length, 26);
  return Buffer.concat([head, Buffer.from(name), deflateRawSync(content)]);
};

const tar = () => {
  const block = Buffer.alloc(1024);
  block.write('users.csv');
  block.write('ustar\0', 257);
  return block;
};

const oldTar = () => {
  const block = tar();
  block.write('ustar  \0', 257);
  return block;
};

const others: [string, Buffer, RegExp][] = [
  ['an Excel workbook', zipOf('[Content_Types].xml'), /Excel workbook \(\.xlsx\).*CSV UTF-8/],
  ['another writer\'s workbook', zipOf('xl/workbook.xml'), /Excel workbook/],
  ['an OpenDocument', zipOf('mimetypeapplication/vnd.oasis.opendocument.spreadsheet'), /OpenDoc/],
  ['a zip archive', zipOf('users.csv', CSV), /zip archive.*[Dd]ecompress/],
  ['an empty zip archive', Buffer.from(`PK\x05\x06${'\0'.repeat(18)}`), /zip archive/],
  ['an old Excel workbook', bytesOf(0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1, 0), /\.xls\)/],
  ['UTF-16 with a mark', utf16(`\uFEFF${CSV}`), /UTF-16.*UTF-8/],
  ['UTF-16, big end first', swapped(utf16(`\uFEFF${CSV}`)), /UTF-16.*UTF-8/],
  ['UTF-16 without a mark', utf16(CSV), /UTF-16/],
  ['UTF-16 without a mark, big end first', swapped(utf16(CSV)), /UTF-16/],
  ['UTF-16 that begins with another letter', utf16(`Ärger,${CSV}`), /UTF-16/],
  ['an old tar', oldTar(), /tar/],
  ['UTF-32', bytesOf(0xff, 0xfe, 0, 0, 0x75, 0, 0, 0), /UTF-32/],
  ['gzip in gzip', gzipSync(gzipSync(CSV)), /gzip twice/],
  ['gzip in gzip in gzip', gzipSync(gzipSync(gzipSync(CSV))), /gzip twice/],
  ['zstd', bytesOf(0x28, 0xb5, 0x2f, 0xfd, 0x24, 1), /zstd/],
  ['zstd with a frame to skip', bytesOf(0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0), /zstd/],
  ['bzip2', Buffer.from('BZh91AY&SY\x01\x02', 'latin1'), /bzip2/],
  ['bzip2 of nothing', Buffer.from('BZh9\x17rE8P\x90\0\0\0\0', 'latin1'), /bzip2/],
  ['xz', bytesOf(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0, 0, 4), /xz/],
  ['7z', bytesOf(0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c), /7z/],
  ['lz4', bytesOf(0x04, 0x22, 0x4d, 0x18, 0x64), /lz4/],
  ['RAR', Buffer.from('Rar!\x1a\x07\x01\0'), /RAR/],
  ['tar', tar(), /tar/],
  ['tar in gzip', gzipSync(tar()), /tar/],
  ['zip in gzip', gzipSync(zipOf('users.csv', CSV)), /zip archive/],
  ['HTML', Buffer.from('<!DOCTYPE html><html><body>Sign in</body></html>'), /HTML/],
  ['HTML after blank lines', Buffer.from('\uFEFF\r\n \t<HTML>\n<head>'), /HTML/],
  ['a bare table', Buffer.from('<table><tr><td>userId</td></tr></table>'), /HTML/],
  ['XML', Buffer.from('<?xml version="1.0"?><users/>'), /XML/],
  ['PDF', Buffer.from('%PDF-1.7\n%âãÏÓ'), /PDF/],
  ['a list in JSON', Buffer.from('[\n  {"userId": "1"}\n]'), /JSON/],
  ['JSON lines', Buffer.from('{"userId":"1"}\n{"userId":"2"}\n'), /JSON/],
  ['JSON after a mark', Buffer.from('\uFEFF{ "users": [] }'), /JSON/],
  ['rows in JSON', Buffer.from('[["userId"],["1"]]'), /JSON/],
  ['JSON lines in gzip', gzipSync('{"userId":"1"}\n'), /JSON/],
  ['UTF-16 in gzip', gzipSync(utf16(`\uFEFF${CSV}`)), /UTF-16/],
  ['RTF', Buffer.from('{\\rtf1\\ansi'), /RTF/],
  ['Parquet', Buffer.from('PAR1\x15\x04'), /Parquet/],
  ['SQLite', Buffer.from('SQLite format 3\0'), /SQLite/],
  ['a picture', Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), /image/],
]; // prettier-ignore

const BEFORE = ['\n', '\r\n\r\n', ' \t', '\uFEFF', 'sep=;\n', '\uFEFF"sep=,"\r\n\n', 'SEP=;;;\r'];

test.each(others)(
  '%s is recognised behind blanks, marks and a line that names the separator',
  async (_what, content, told) => {
    for (const before of BEFORE) {
      const bytes = Buffer.concat([Buffer.from(before), content]);
      const isCompressed = content[0] === 0x1f && content[1] === 0x8b;
      const expected = isCompressed ? /compressed with gzip after other bytes/ : told;
      expect(kindOfFile(bytes)).toMatch(expected);
      expect(kindOfFile(gzipSync(bytes))).toMatch(expected);
    }
    expect(kindOfFile(Buffer.concat([Buffer.from('\n'), gzipSync(CSV)]))).toMatch(
      'after other bytes',
    );
  },
);

test('a header that the mapping names is CSV, with any first characters', async () => {
  for (const [name, content] of [
    ['[1] Id', '[1] Id,firstName\n1,Ann\n'],
    ['<Customer No>', '\uFEFF<Customer No>;firstName\n1;Ann\n'],
    ['{"größe"}', 'sep=;\n{"größe"}\n1\n'],
  ] as const) {
    const names = new Set([name]);
    expect(kindOfFile(Buffer.from(content))).toBeDefined();
    expect(kindOfFile(Buffer.from(content), names)).toBeUndefined();
    expect(kindOfFile(gzipSync(content), names)).toBeUndefined();
  }
  const records = await recordsOf(fileOf('[1] Id,x\n1,2\n'), { names: new Set(['[1] Id']) }).next();
  expect(records.value).toMatchObject([{ cells: ['[1] Id', 'x'] }]);
  expect(kindOfFile(Buffer.from('[1] Idx'), new Set(['[1] Id']))).toMatch('JSON');
});

describe.each(others)('%s', (_what, content, told) => {
  test('is recognised by its first bytes', () => {
    expect(kindOfFile(content)).toMatch(told);
    expect(kindOfFile(Buffer.concat([content, Buffer.alloc(10_000)]))).toMatch(told);
  });

  test.each([1, 3, 100, 65_536])(
    'is refused as its own kind of file, in pieces of %i bytes',
    async (size) => {
      const error: unknown = await recordsOf(fileOf(content, size))
        .next()
        .catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(ImportFileError);
      expect(error).toMatchObject({
        type: 'notCsv',
        line: 1,
        message: expect.stringMatching(told),
      });
    },
  );

  test.each([1, 7, 4_096])('is found during an upload in pieces of %i bytes', async (size) => {
    const check = createKindCheck((kind) => new Error(kind));
    const whole = Buffer.concat([content, Buffer.alloc(8_192)]);
    const upload = async () => {
      for await (const piece of fileOf(whole, size)) check(piece as Buffer);
    };
    // The first few bytes say less about the file than all of them.
    await expect(upload()).rejects.toThrow(size < KIND_BYTES ? /\w/ : told);
  });
});

test.each([
  ['text', CSV],
  ['text after a mark', `\uFEFF${CSV}`],
  ['quoted text', '"userId","firstName"\n'],
  ['a header of other letters', 'användare;größe\n'],
  ['blank lines', '\r\n\n\r'],
  ['nothing', ''],
  ['two bytes', 'PK'],
  ['a header that begins like an archive', 'PKey,userId\n'],
  ['a header that begins like bzip2', 'BZh9,userId\n'],
  ['a header in brackets', '[userId],[firstName]\n'],
  ['a header in braces', '{userId},{firstName}\n'],
  ['a comparison', '<5,userId\n'],
  ['a word where tar has its name', `userId,firstName\nu1,${'a'.repeat(236)}mustard\n`],
  ['a name of a separator', 'sep=;\nuserId;firstName\n'],
  ['blanks before a header', ' \n userId\n'],
  ['a word of SYLK', 'ID;Phone;Name\n'],
])('%s may be CSV, compressed or not', (_what, content) => {
  for (const file of [Buffer.from(content), gzipSync(content)]) {
    expect(kindOfFile(file)).toBeUndefined();
  }
});

test('incomplete or damaged gzip is not classified', () => {
  const packed = gzipSync(CSV);
  for (let length = 0; length < packed.length; length++) {
    expect(kindOfFile(packed.subarray(0, length))).toBeUndefined();
  }
  expect(kindOfFile(Buffer.concat([packed.subarray(0, 10), brotliCompressSync(CSV)]))).toBe(
    undefined,
  );
});
