import { crc32, inflateRawSync } from 'node:zlib';

const HEADER_BYTES = 10;
const TRAILER_BYTES = 8;

/** An option that the library has, but its types omit. */
const INFO: object = { info: true };

interface Inflated {
  buffer: Buffer;
  engine: { bytesWritten: number };
}

/**
 * The text of a gzip file's first member, as a reader of one member sees it.
 *
 * @throws Error when anything follows that member, or its checksum or length is wrong
 */
export const onlyMemberOf = (file: Buffer): Buffer => {
  if (file.readUInt16BE(0) !== 0x1f8b || file[3] !== 0) throw new Error('no plain gzip header');
  const body = file.subarray(HEADER_BYTES);
  const inflated = inflateRawSync(body, INFO) as unknown as Inflated;
  const { bytesWritten } = inflated.engine;
  const rest = body.length - bytesWritten;
  if (rest !== TRAILER_BYTES) throw new Error(`${rest} bytes follow the data of the first member`);
  const isWhole =
    body.readUInt32LE(bytesWritten) === crc32(inflated.buffer) &&
    body.readUInt32LE(bytesWritten + 4) === inflated.buffer.length % 2 ** 32;
  if (!isWhole) throw new Error('the trailer does not fit the text');
  return inflated.buffer;
};
