import { createHash } from 'node:crypto';
import { Transform } from 'node:stream';

/** Bytes that went by, and their SHA-256 in hex; `facts` once the stream has ended. */
export interface DigestTap extends Transform {
  facts: () => { bytes: number; sha256: string };
}

/** Passes bytes on unchanged while counting and hashing them. */
export const createDigestTap = (): DigestTap => {
  const hash = createHash('sha256');
  let bytes = 0;
  const tap = new Transform({
    transform: (chunk: Buffer, _encoding, done) => {
      hash.update(chunk);
      bytes += chunk.length;
      done(null, chunk);
    },
  });
  return Object.assign(tap, { facts: () => ({ bytes, sha256: hash.digest('hex') }) });
};
