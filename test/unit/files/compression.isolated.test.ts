import { once } from 'node:events';
import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import * as zstd from '@cloudpss/zstd/napi';
import { expect, test, vi } from 'vitest';
import { isUnreadable, compressorOf, unpackersOf } from '../../../files/compression.ts';

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

/** What a file unpacks to, given in pieces of so many bytes. */
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
  await pipeline([Readable.from(pieces), ...unpackersOf('zstd'), collect]);
  return Buffer.concat(texts);
};

const errorOf = (packed: Buffer): Promise<unknown> =>
  unpack(packed).then(
    () => undefined,
    (error: unknown) => error,
  );

test('chunks packed one by one make a file that unpacks to all of them, however it is cut', async () => {
  for (const pieceBytes of [1, 7, file.length]) {
    expect((await unpack(file, pieceBytes)).equals(text)).toBe(true);
  }
});

test('any reader of zstd reads such a file', () => {
  expect(Buffer.from(zstd.decompress(file)).equals(text)).toBe(true);
});

test('a frame that does not unpack to what was packed is refused on the spot', () => {
  const wrong = zstd.compress(Buffer.from('u-2,Anna\n'));
  vi.mocked(zstd.compress).mockReturnValueOnce(wrong);
  expect(() => compress(Buffer.from('u-1,Anna\n'))).toThrow('does not give back');
  expect(() => compress(Buffer.from('u-1,Anna\n'))).not.toThrow();
});

test('a file cut short is unreadable, but where a frame ends, which its length tells', async () => {
  const ends = chunks.map((_, at) => Buffer.concat(chunks.slice(0, at).map(compress)).length);
  for (let length = 0; length < file.length; length++) {
    const error = await errorOf(file.subarray(0, length));
    const isRefused = error !== undefined && isUnreadable(error);
    expect(isRefused).toBe(!ends.includes(length));
  }
});

test('a file with a byte changed is unreadable, or unpacks to something else', async () => {
  for (let at = 0; at < file.length; at++) {
    const spoilt = Buffer.from(file);
    spoilt.writeUInt8(spoilt.readUInt8(at) ^ 0x55, at);
    const error = await errorOf(spoilt);
    expect(error === undefined || isUnreadable(error)).toBe(true);
  }
});

test('lack of memory is not the fault of the data', async () => {
  vi.mocked(zstd.decompress).mockImplementationOnce(() => {
    throw new Error('Allocation error : not enough memory');
  });
  const error = await errorOf(file);
  expect(error).toBeInstanceOf(Error);
  expect(isUnreadable(error)).toBe(false);
});

test('a reader that does not read holds unpacking back, however well the text was packed', async () => {
  const packed = compress(Buffer.alloc(1024 * 1024, 'x'));
  const frames = 50;
  const [splitter, unpacker] = unpackersOf('zstd');
  splitter!.pipe(unpacker!);
  splitter!.end(Buffer.concat(Array.from({ length: frames }, () => packed)));
  await once(unpacker!, 'readable');
  await new Promise((resolve) => setImmediate(resolve));
  expect(unpacker!.readableLength).toBeLessThanOrEqual(2 * 1024 * 1024);
  let bytes = 0;
  for await (const chunk of unpacker! as AsyncIterable<Buffer>) bytes += chunk.length;
  expect(bytes).toBe(frames * 1024 * 1024);
});
