import { Transform } from 'node:stream';
import { compress, decompress } from '@cloudpss/zstd/napi';

/** Three times as fast as gzip at level 1, and a sixth smaller. */
const LEVEL = 1;

/**
 * A skippable frame with the length of the next frame stands before each frame, as pzstd writes it.
 * Every zstd reader ignores such frames.
 * https://github.com/facebook/zstd/blob/dev/doc/zstd_compression_format.md#skippable-frames
 */
const SKIPPED_MAGIC = 0x184d2a50;
const LENGTH_BYTES = 4;
const PREFIX_BYTES = 8 + LENGTH_BYTES;

/** Twice the longest possible frame of a chunk of text. */
const MAX_FRAME_BYTES = 2 * 1024 * 1024;

/** Code of errors about damaged compressed data. */
export const UNREADABLE = 'ERR_ZSTD_FORMAT';

/**
 * Compresses a chunk as a frame of its own; a file is a sequence of frames. The frame is
 * decompressed at once and compared with the chunk, so an intact frame is known to give back the
 * text.
 *
 * @throws Error when the frame does not give back the chunk
 */
export const compressFrame = (chunk: Buffer): Buffer => {
  const frame = compress(chunk, LEVEL);
  if (!chunk.equals(decompress(frame)))
    throw new Error('zstd does not return the data that it compressed');
  return Buffer.concat([prefixOf(frame), frame]);
};

/**
 * Decompresses a file frame by frame, as its reader takes the text. So a high compression ratio
 * does not fill the memory.
 */
export const createDecompressors = (): Transform[] => [
  createFrameSplitter(),
  createFrameDecompressor(),
];

const prefixOf = (frame: Uint8Array): Buffer => {
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.writeUInt32LE(SKIPPED_MAGIC, 0);
  prefix.writeUInt32LE(LENGTH_BYTES, 4);
  prefix.writeUInt32LE(frame.length, 8);
  return prefix;
};

/** Splits a file into its frames. */
const createFrameSplitter = (): Transform => {
  let pending: Buffer = Buffer.alloc(0);
  return new Transform({
    readableObjectMode: true,
    transform(chunk: Buffer, _encoding, done) {
      pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
      try {
        while (pending.length >= PREFIX_BYTES) {
          const end = PREFIX_BYTES + frameBytesOf(pending);
          if (pending.length < end) break;
          this.push(pending.subarray(PREFIX_BYTES, end));
          pending = pending.subarray(end);
        }
        done();
      } catch (error) {
        done(error as Error);
      }
    },
    flush: (done) => done(pending.length === 0 ? null : unreadable('the last frame is incomplete')),
  });
};

/**
 * Length of the frame after the prefix that `bytes` begins with.
 *
 * @throws Error with code `UNREADABLE` when `bytes` does not begin with a prefix
 */
const frameBytesOf = (bytes: Buffer): number => {
  const length = bytes.readUInt32LE(8);
  const isPrefix =
    bytes.readUInt32LE(0) === SKIPPED_MAGIC && bytes.readUInt32LE(4) === LENGTH_BYTES;
  if (!isPrefix || length > MAX_FRAME_BYTES) throw unreadable('no frame begins here');
  return length;
};

const unreadable = (message: string): Error =>
  Object.assign(new Error(message), { code: UNREADABLE });

const createFrameDecompressor = (): Transform =>
  new Transform({
    writableObjectMode: true,
    transform: (frame: Buffer, _encoding, done) => {
      try {
        done(null, decompress(frame));
      } catch (error) {
        done(isShortOfMemory(error as Error) ? (error as Error) : unreadable(String(error)));
      }
    },
  });

/**
 * The package reports errors as sentences only. Lack of memory does not mean that the data is
 * damaged.
 */
const isShortOfMemory = ({ message }: Error): boolean => /memory|alloc/i.test(message);
