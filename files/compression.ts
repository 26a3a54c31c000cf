import type { Transform } from 'node:stream';
import { createGunzip } from 'node:zlib';
import type { Compression } from '../db/schema.ts';
import { createPartDeflater } from './gzip-member.ts';
import { createDecompressors, compressFrame, UNREADABLE } from './zstd.ts';

/** Larger chunks need fewer switches between the thread that decompresses and this thread. */
const DECOMPRESSED_CHUNK_BYTES = 256 * 1024;

/**
 * How a text becomes a part in storage: each chunk is compressed synchronously by `compress`, then
 * piped through the streams, at most one.
 */
export interface Compressor {
  /** Returns a new chunk, or the same one. */
  compress: (chunk: Buffer) => Buffer;
  streams: () => Transform[];
}

const asIs = (chunk: Buffer): Buffer => chunk;

/** Parts of a gzip file are joined to one member; see `gzip-member.ts`. */
const COMPRESSORS: Record<Compression, Compressor> = {
  none: { compress: asIs, streams: () => [] },
  gzip: { compress: asIs, streams: () => [createPartDeflater()] },
  zstd: { compress: compressFrame, streams: () => [] },
};

export const compressorOf = (compression: Compression): Compressor => COMPRESSORS[compression];

const DECOMPRESSORS: Record<Compression, () => Transform[]> = {
  none: () => [],
  gzip: () => [createGunzip({ chunkSize: DECOMPRESSED_CHUNK_BYTES })],
  zstd: createDecompressors,
};

/**
 * The streams that turn a part in storage into its text, if any. With gzip, they take a whole
 * member.
 */
export const decompressionStreams = (compression: Compression): Transform[] =>
  DECOMPRESSORS[compression]();

/**
 * Whether a part is sent as its text. A requested compression is sent as stored. zstd is used for
 * storage only, because not every user has a program that reads it.
 */
export const isGivenAsText = (compression: Compression): boolean => compression === 'zstd';

/** Whether an error means that compressed data is damaged; lack of memory does not. */
export const isUnreadable = (error: unknown): boolean => {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  return code === UNREADABLE || /^(Z_(?!MEM)|ERR_STREAM_PREMATURE)/.test(code);
};
