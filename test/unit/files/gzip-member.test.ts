import { Readable, Writable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { crc32, gzipSync } from 'node:zlib';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  createPartDeflater,
  createPartGunzip,
  gzipBeginning,
  gzipTrailer,
  joinChecks,
  type TextCheck,
} from '../../../files/gzip-member.ts';
import { onlyMemberOf } from '../../support/steps/only-member.ts';

const checkOf = (text: Buffer): TextCheck => ({ crc32: crc32(text), bytes: text.length });

const deflate = (text: Buffer): Promise<Buffer> =>
  buffer(Readable.from(text.length === 0 ? [] : [text]).pipe(createPartDeflater()));

const memberOf = async (texts: Buffer[]) => {
  const [first = Buffer.alloc(0), ...further] = texts;
  const parts = [gzipBeginning(first), ...(await Promise.all(further.map(deflate)))];
  const check = texts.map(checkOf).reduce(joinChecks, { crc32: 0, bytes: 0 });
  return { parts, file: Buffer.concat([...parts, gzipTrailer(check)]) };
};

const gunzipPart = async (packed: Buffer, part: number, check: TextCheck): Promise<Buffer> => {
  const texts: Buffer[] = [];
  const collect = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      texts.push(chunk);
      done();
    },
  });
  await pipeline([Readable.from([packed]), ...createPartGunzip(part, check), collect]);
  return Buffer.concat(texts);
};

const textArbitrary = fc
  .array(fc.constantFrom('u-1,Ann\n', 'é', '', 'x'.repeat(70_000), '\u0000'), { maxLength: 8 })
  .map((pieces) => Buffer.from(pieces.join('')));

test('parts that are compressed one by one form one gzip member, with the checksum of the whole', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(textArbitrary, { minLength: 1, maxLength: 6 }), async (texts) => {
      const { file } = await memberOf(texts);
      expect(onlyMemberOf(file).equals(Buffer.concat(texts))).toBe(true);
    }),
    { numRuns: 50 },
  );
});

test('two gzip members are not accepted as one member', () => {
  const two = Buffer.concat([gzipSync('userId\n'), gzipSync('u-1\n')]);
  expect(() => onlyMemberOf(two)).toThrow('follow the data');
});

test('joined checksums equal the checksum of the whole text, also beyond 4 GiB', () => {
  const zeros = { crc32: crc32(Buffer.alloc(1)), bytes: 1 };
  let whole = zeros;
  for (let power = 0; power < 33; power++) whole = joinChecks(whole, whole);
  // The checksum of 2^33 zeros, as Python's zlib.crc32 computes it.
  expect(whole).toEqual({ crc32: 0x41d912ff, bytes: 2 ** 33 });
  expect(gzipTrailer(whole).readUInt32LE(6)).toBe(0);
  expect(joinChecks({ crc32: 0, bytes: 0 }, zeros)).toEqual(zeros);
  expect(joinChecks(zeros, { crc32: 0, bytes: 0 })).toEqual(zeros);
});

test('a part is read back alone and compared with its checksum', async () => {
  const texts = ['userId\n', 'u-1\nu-2\n', ''].map((text) => Buffer.from(text));
  const { parts } = await memberOf(texts);
  for (const [index, text] of texts.entries()) {
    const packed = parts[index]!;
    expect((await gunzipPart(packed, index, checkOf(text))).equals(text)).toBe(true);
    const other = checkOf(Buffer.from('u-1\nu-3\n'));
    await expect(gunzipPart(packed, index, other)).rejects.toMatchObject({ code: /^Z_/ });
    if (text.length === 0) continue;
    const short = packed.subarray(0, -7);
    await expect(gunzipPart(short, index, checkOf(text))).rejects.toMatchObject({ code: /^Z_/ });
  }
});
