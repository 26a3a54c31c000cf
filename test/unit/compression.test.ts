import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import * as zstd from '@cloudpss/zstd/napi';
import { expect, test, vi } from 'vitest';
import { isUnreadable, packingOf, unpackersOf } from '../../storage/compression.ts';

vi.mock('@cloudpss/zstd/napi', async (importOriginal) => {
  const real = await importOriginal<typeof zstd>();
  return { ...real, compress: vi.fn<typeof real.compress>(real.compress) };
});

const { pack } = packingOf('zstd');
const chunks = ['u-1,Käthe\n', '', 'x'.repeat(3_000_000), '\u0000\u{1F600}\n'].map((text) =>
  Buffer.from(text),
);

/** What a file unpacks to, given in pieces of so many bytes. */
const unpack = async (file: Buffer, pieceBytes = file.length): Promise<Buffer> => {
  const pieces: Buffer[] = [];
  for (let at = 0; at < file.length; at += pieceBytes) {
    pieces.push(file.subarray(at, at + pieceBytes));
  }
  const texts: Buffer[] = [];
  const collect = new Writable({
    write: (text: Buffer, _encoding, done) => {
      texts.push(Buffer.from(text));
      done();
    },
  });
  await pipeline([Readable.from(pieces), ...unpackersOf('zstd'), collect]);
  return Buffer.concat(texts);
};

test('chunks packed one by one make a file that unpacks to all of them, however it is cut', async () => {
  const file = Buffer.concat(chunks.map(pack));
  const text = Buffer.concat(chunks);
  for (const pieceBytes of [1, 7, file.length]) {
    expect((await unpack(file, pieceBytes)).equals(text)).toBe(true);
  }
});

test('a frame that does not unpack to what was packed is refused on the spot', () => {
  const wrong = zstd.compress(Buffer.from('u-2,Anna\n'));
  vi.mocked(zstd.compress).mockReturnValueOnce(wrong);
  expect(() => pack(Buffer.from('u-1,Anna\n'))).toThrow('does not give back');
  expect(() => pack(Buffer.from('u-1,Anna\n'))).not.toThrow();
});

test('a file that is no zstd is told from one that cannot be read', async () => {
  const file = Buffer.concat(chunks.map(pack));
  file.fill(0xff, 0, 4);
  const error: unknown = await unpack(file).catch((reason: unknown) => reason);
  expect(isUnreadable(error)).toBe(true);
  expect(isUnreadable(Object.assign(new Error('no disk'), { code: 'EIO' }))).toBe(false);
});
