import type { Transform } from 'node:stream';
import { createGunzip } from 'node:zlib';
import type { Compression } from '../db/schema.ts';
import { createPartDeflater } from './gzip-member.ts';
import { createUnpackers, packFrame, UNREADABLE } from './zstd.ts';

/** Larger chunks take fewer turns between the thread that decompresses and this one. */
const UNPACKED_CHUNK_BYTES = 256 * 1024;

/**
 * How a text becomes a part in storage: chunk by chunk on the spot, then through streams, none or
 * one.
 */
export interface Packing {
  /** Gives another chunk, or the same. */
  pack: (chunk: Buffer) => Buffer;
  streams: () => Transform[];
}

const asIs = (chunk: Buffer): Buffer => chunk;

/** Parts of a gzip file are joined to one member, see `gzip-member.ts`. */
const PACKINGS: Record<Compression, Packing> = {
  none: { pack: asIs, streams: () => [] },
  gzip: { pack: asIs, streams: () => [createPartDeflater()] },
  zstd: { pack: packFrame, streams: () => [] },
};

export const packingOf = (compression: Compression): Packing => PACKINGS[compression];

const UNPACKERS: Record<Compression, () => Transform[]> = {
  none: () => [],
  gzip: () => [createGunzip({ chunkSize: UNPACKED_CHUNK_BYTES })],
  zstd: createUnpackers,
};

/**
 * The streams, if any, between a part in storage and its text; of gzip, between a whole member and
 * it.
 */
export const unpackersOf = (compression: Compression): Transform[] => UNPACKERS[compression]();

/**
 * Whether a part is given out as its text. What was asked for packed is given out as it lies there;
 * zstd is for the way to storage and back alone, since not everyone has a program that opens it.
 */
export const isGivenAsText = (compression: Compression): boolean => compression === 'zstd';

/** Whether an error says that packed data does not hold together; lack of memory does not. */
export const isUnreadable = (error: unknown): boolean => {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  return code === UNREADABLE || /^(Z_(?!MEM)|ERR_STREAM_PREMATURE)/.test(code);
};
