import { createHash } from 'node:crypto';
import { Transform } from 'node:stream';

/** Length of some bytes, and their SHA-256 in hex. */
export interface DigestFacts {
  bytes: number;
  sha256: string;
}

/** Counts and hashes what it is given; `facts` ends it. */
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

/** Bytes that went by; `facts` once the stream has ended. */
export interface DigestTap extends Transform {
  facts: () => DigestFacts;
}

/** Passes bytes on unchanged while counting and hashing them, in further digests too. */
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
