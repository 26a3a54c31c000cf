import type { Transform } from 'node:stream';
import {
  constants,
  createBrotliCompress,
  createBrotliDecompress,
  createGunzip,
  createGzip,
  type ZlibOptions,
} from 'node:zlib';
import type { Compression } from '../db/schema.ts';

/** Larger chunks take fewer turns between the threads that pack or unpack and this one. */
const PACKED_CHUNK_BYTES = 1024 * 1024;
const UNPACKED_CHUNK_BYTES = 256 * 1024;

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

/** As many downloads run as are asked for, so each holds little. */
const UNPACKED: ZlibOptions = { chunkSize: UNPACKED_CHUNK_BYTES };

/** For one reader that must be fast: what it takes next is unpacked meanwhile. */
export const UNPACKED_AHEAD = { chunkSize: 1024 * 1024, readableHighWaterMark: 4 * 1024 * 1024 };

const PACKERS: Record<Compression, () => Transform[]> = {
  none: () => [],
  gzip: () => [createGzip(GZIP)],
  brotli: () => [createBrotliCompress(BROTLI)],
};

const UNPACKERS: Record<Compression, (options: typeof UNPACKED) => Transform[]> = {
  none: () => [],
  gzip: (options) => [createGunzip(options)],
  brotli: (options) => [createBrotliDecompress(options)],
};

/** The streams, none or one, between a text and its part in storage. */
export const packersOf = (compression: Compression): Transform[] => PACKERS[compression]();

/** The streams, none or one, between a part in storage and its text. */
export const unpackersOf = (compression: Compression, options = UNPACKED): Transform[] =>
  UNPACKERS[compression](options);

/**
 * Whether a part is given out as its text. What was asked for packed is given out as it lies there;
 * brotli is for the way to storage and back alone, since few have a program that opens it.
 */
export const isGivenAsText = (compression: Compression): boolean => compression === 'brotli';

/**
 * Whether an error says that packed data does not hold together; lack of memory does not. Node 20 names
 * brotli's `ERR__ERROR_FORMAT_…`.
 */
export const isUnreadable = (error: unknown): boolean =>
  /^(Z_(?!MEM)|ERR_(\w*_)?ERROR_FORMAT|ERR_STREAM_PREMATURE)/.test(
    (error as NodeJS.ErrnoException).code ?? '',
  );
