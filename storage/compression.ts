import type { Transform } from 'node:stream';
import {
  constants,
  createBrotliCompress,
  createBrotliDecompress,
  createGunzip,
  createGzip,
} from 'node:zlib';
import type { Compression } from '../db/schema.ts';

/** Of what leaves a packer: larger chunks take fewer turns between the threads that pack and this one. */
const PACKED_CHUNK_BYTES = 1024 * 1024;
const UNPACKED_CHUNK_BYTES = 1024 * 1024;
/** Unpacked ahead of its reader, so that the two do not wait for each other. */
const UNPACKED_AHEAD_BYTES = 4 * 1024 * 1024;

/**
 * Level 1 costs half of level 6 and gives up a tenth of its gain. A window of 8 KiB and large tables of
 * codes stay in the processor's cache: a quarter faster than zlib's defaults, for a hundredth more bytes.
 */
const GZIP = { level: 1, windowBits: 13, memLevel: 9, chunkSize: PACKED_CHUNK_BYTES };

/** At its lowest quality brotli is 2.7 times as fast as that, for a twentieth more bytes: 470 MB/s. */
const BROTLI = {
  chunkSize: PACKED_CHUNK_BYTES,
  params: { [constants.BROTLI_PARAM_QUALITY]: 0, [constants.BROTLI_PARAM_LGWIN]: 18 },
};

const UNPACKED = { chunkSize: UNPACKED_CHUNK_BYTES, highWaterMark: UNPACKED_AHEAD_BYTES };

const PACKERS: Record<Compression, () => Transform[]> = {
  none: () => [],
  gzip: () => [createGzip(GZIP)],
  brotli: () => [createBrotliCompress(BROTLI)],
};

const UNPACKERS: Record<Compression, () => Transform[]> = {
  none: () => [],
  gzip: () => [createGunzip(UNPACKED)],
  brotli: () => [createBrotliDecompress(UNPACKED)],
};

/** The streams, none or one, between a text and its part in storage. */
export const packersOf = (compression: Compression): Transform[] => PACKERS[compression]();

/** The streams, none or one, between a part in storage and its text. */
export const unpackersOf = (compression: Compression): Transform[] => UNPACKERS[compression]();

/**
 * Whether a part is given out as its text. What was asked for packed is given out as it lies there;
 * brotli is for the way to storage and back alone, since few have a program that opens it.
 */
export const isGivenAsText = (compression: Compression): boolean => compression === 'brotli';

/** Whether an error says that packed data does not hold together. */
export const isUnreadable = (error: unknown): boolean =>
  /^(Z_|ERR_(BROTLI)?_|ERR_STREAM_PREMATURE)/.test((error as NodeJS.ErrnoException).code ?? '');
