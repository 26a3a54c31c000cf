import type { Transform, TransformCallback } from 'node:stream';
import { createGunzip, createGzip } from 'node:zlib';
import { compress, decompress, Decompressor } from '@cloudpss/zstd/napi';
import type { Compression } from '../db/schema.ts';

/** Larger chunks take fewer turns between the threads that pack or unpack and this one. */
const PACKED_CHUNK_BYTES = 1024 * 1024;
/** As many downloads run as are asked for, so each holds little. */
const UNPACKED_CHUNK_BYTES = 256 * 1024;

/**
 * Level 1 costs half of level 6 and gives up a tenth of its gain. A window of 8 KiB and large tables of
 * codes stay in the processor's cache: a quarter faster than zlib's defaults, for a hundredth more bytes.
 */
const GZIP = { level: 1, windowBits: 13, memLevel: 9, chunkSize: PACKED_CHUNK_BYTES };

/** Three times as fast as that, and a sixth smaller. */
const ZSTD_LEVEL = 1;

/** How a text becomes a part in storage: chunk by chunk on the spot, then through streams, none or one. */
export interface Packing {
  /** Gives another chunk, or the same. */
  pack: (chunk: Buffer) => Buffer;
  streams: () => Transform[];
}

const asIs = (chunk: Buffer): Buffer => chunk;

/** What was packed is unpacked at once and compared: as long as these bytes last, so does the text. */
const toFrame = (chunk: Buffer): Buffer => {
  const frame = compress(chunk, ZSTD_LEVEL);
  if (!chunk.equals(decompress(frame)))
    throw new Error('zstd does not give back what it was given');
  return Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength);
};

/**
 * Each chunk becomes a frame of zstd's own; frames follow each other in a file as gzip's members do. gzip
 * keeps a checksum of the text, and compares as it unpacks.
 */
const PACKINGS: Record<Compression, Packing> = {
  none: { pack: asIs, streams: () => [] },
  gzip: { pack: asIs, streams: () => [createGzip(GZIP)] },
  zstd: { pack: toFrame, streams: () => [] },
};

export const packingOf = (compression: Compression): Packing => PACKINGS[compression];

/** The package names what is wrong with packed data by a sentence alone. */
const UNREADABLE = 'ERR_ZSTD_FORMAT';

class ZstdUnpacker extends Decompressor {
  override _transform(chunk: Buffer, encoding: BufferEncoding, done: TransformCallback): void {
    super._transform(chunk, encoding, (error, data) => {
      done(error && Object.assign(error, { code: UNREADABLE }), data);
    });
  }
}

const UNPACKERS: Record<Compression, () => Transform[]> = {
  none: () => [],
  gzip: () => [createGunzip({ chunkSize: UNPACKED_CHUNK_BYTES })],
  zstd: () => [new ZstdUnpacker()],
};

/** The streams, none or one, between a part in storage and its text. */
export const unpackersOf = (compression: Compression): Transform[] => UNPACKERS[compression]();

/**
 * Whether a part is given out as its text. What was asked for packed is given out as it lies there;
 * zstd is for the way to storage and back alone, since not everyone has a program that opens it.
 */
export const isGivenAsText = (compression: Compression): boolean => compression === 'zstd';

/** Whether an error says that packed data does not hold together; lack of memory does not. */
export const isUnreadable = (error: unknown): boolean =>
  /^(Z_(?!MEM)|ERR_ZSTD_FORMAT|ERR_STREAM_PREMATURE)/.test(
    (error as NodeJS.ErrnoException).code ?? '',
  );
