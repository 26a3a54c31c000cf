import { once } from 'node:events';
import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import * as zstd from '@cloudpss/zstd/napi';
import { expect, test, vi } from 'vitest';
import { isUnreadable, compressorOf, decompressionStreams } from '../../../files/compression.ts';

vi.mock('@cloudpss/zstd/napi', async (importOriginal) => {
  const real = await importOriginal<typeof zstd>();
  return {
    ...real,
    compress: vi.fn<typeof real.compress>(real.compress),
    decompress: vi.fn<typeof real.decompress>(real.decompress),
  };
});

const { compress } = compressorOf('zstd');
const chunks = ['u-1,Käthe\n', '', 'x'.repeat(1_000_000), '\u0000\u{1F600}\n'].map((text) =>
  Buffer.from(text),
);
const file = Buffer.concat(chunks.map(compress));
const text = Buffer.concat(chunks);

/** Decompresses a file that arrives in pieces of this size. */
const unpack = async (packed: Buffer, pieceBytes = packed.length): Promise<Buffer> => {
  const pieces: Buffer[] = [];
  for (let at = 0; at < packed.length; at += pieceBytes) {
    pieces.push(packed.subarray(at, at + pieceBytes));
  }
  const texts: Buffer[] = [];
  const collect = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      texts.push(chunk);
      done();
    },
  });
  await pipeline([Readable.from(pieces), ...decompressionStreams('zstd'), collect]);
  return Buffer.concat(texts);
};

const errorOf = (packed: Buffer): Promise<unknown> =>
  unpack(packed).then(
    () => undefined,
    (error: unknown) => error,
  );

test('chunks that are compressed one by one make one file, which decompresses in pieces of any size', async () => {
  for (const pieceBytes of [1, 7, file.length]) {
    expect((await unpack(file, pieceBytes)).equals(text)).toBe(true);
  }
});

test('any zstd reader can read such a file', () => {
  expect(Buffer.from(zstd.decompress(file)).equals(text)).toBe(true);
});

test('a frame that does not decompress to its input is refused at once', () => {
  const wrong = zstd.compress(Buffer.from('u-2,Anna\n'));
  vi.mocked(zstd.compress).mockReturnValueOnce(wrong);
  expect(() => compress(Buffer.from('u-1,Anna\n'))).toThrow('does not return the data');
  expect(() => compress(Buffer.from('u-1,Anna\n'))).not.toThrow();
});

test('a truncated file is unreadable, unless it ends at the end of a frame', async () => {
  const ends = chunks.map((_, at) => Buffer.concat(chunks.slice(0, at).map(compress)).length);
  for (let length = 0; length < file.length; length++) {
    const error = await errorOf(file.subarray(0, length));
    const isRefused = error !== undefined && isUnreadable(error);
    expect(isRefused).toBe(!ends.includes(length));
  }
});

test('a file with a changed byte causes no error other than that it is unreadable', async () => {
  for (let at = 0; at < file.length; at++) {
    const spoilt = Buffer.from(file);
    spoilt.writeUInt8(spoilt.readUInt8(at) ^ 0x55, at);
    const error = await errorOf(spoilt);
    expect(error === undefined || isUnreadable(error)).toBe(true);
  }
});

test('a lack of memory is not reported as unreadable data', async () => {
  vi.mocked(zstd.decompress).mockImplementationOnce(() => {
    throw new Error('Allocation error : not enough memory');
  });
  const error = await errorOf(file);
  expect(error).toBeInstanceOf(Error);
  expect(isUnreadable(error)).toBe(false);
});

test('a reader that does not read stops the decompression, and later gets the same text', async () => {
  const texts = Array.from({ length: 50 }, (_, n) => Buffer.alloc(1024 * 1024, String(n)));
  const [splitter, unpacker] = decompressionStreams('zstd');
  splitter!.pipe(unpacker!);
  splitter!.end(Buffer.concat(texts.map(compress)));
  await once(unpacker!, 'readable');
  await new Promise((resolve) => setImmediate(resolve));
  expect(unpacker!.readableLength).toBeLessThanOrEqual(2 * 1024 * 1024);
  const read: Buffer[] = [];
  for await (const chunk of unpacker! as AsyncIterable<Buffer>) read.push(chunk);
  expect(Buffer.concat(read).equals(Buffer.concat(texts))).toBe(true);
});
