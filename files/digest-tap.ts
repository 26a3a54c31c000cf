import { createHash } from 'node:crypto';
import { Transform } from 'node:stream';

/** Number of bytes, and their SHA-256 in hex. */
export interface DigestFacts {
  bytes: number;
  sha256: string;
}

/** Counts and hashes bytes. `facts` ends the hash and must be called once. */
export const createDigest = () => {
  const hash = createHash('sha256');
  let bytes = 0;
  return {
    update: (chunk: Buffer): void => {
      hash.update(chunk);
      bytes += chunk.length;
    },
    facts: (): DigestFacts => ({ bytes, sha256: hash.digest('hex') }),
  };
};

export type Digest = ReturnType<typeof createDigest>;

/** The facts of the bytes that have passed. Call `facts` once the stream has ended. */
export interface DigestTap extends Transform {
  facts: () => DigestFacts;
}

/** Passes bytes on unchanged, counts and hashes them, and updates the `further` digests. */
export const createDigestTap = (...further: Digest[]): DigestTap => {
  const digest = createDigest();
  const tap = new Transform({
    transform: (chunk: Buffer, _encoding, done) => {
      digest.update(chunk);
      for (const other of further) other.update(chunk);
      done(null, chunk);
    },
  });
  return Object.assign(tap, { facts: digest.facts });
};
