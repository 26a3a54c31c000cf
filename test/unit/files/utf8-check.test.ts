import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { createUtf8Check } from '../../../files/utf8-check.ts';

const isValid = (chunks: readonly Buffer[]): boolean => {
  const check = createUtf8Check();
  return chunks.every((chunk) => check.take(chunk)) && check.isWhole();
};

const cut = (bytes: Buffer, sizes: readonly number[]): Buffer[] => {
  const chunks: Buffer[] = [];
  let at = 0;
  for (const size of sizes) {
    chunks.push(bytes.subarray(at, at + size));
    at += size;
  }
  return [...chunks, bytes.subarray(at)];
};

const isValidAsAWhole = (bytes: Buffer): boolean => {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
};

const sizes = fc.array(fc.nat(5), { maxLength: 20 });

test('valid text is valid however it is cut', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), sizes, (text, at) => {
      expect(isValid(cut(Buffer.from(text), at))).toBe(true);
    }),
  );
});

/** Bytes that often form parts of characters. */
const byte = fc.oneof(
  fc.constantFrom(0x41, 0x80, 0xbf, 0xc2, 0xe0, 0xa0, 0xe2, 0xed, 0xf0, 0x90, 0xf4, 0xff),
  fc.nat(255),
);

test('bytes are judged as a decoder judges the whole, however they are cut', () => {
  const seen = { valid: 0, broken: 0 };
  fc.assert(
    fc.property(fc.array(byte, { maxLength: 8 }), sizes, (values, at) => {
      const bytes = Buffer.from(values);
      const expected = isValidAsAWhole(bytes);
      seen[expected ? 'valid' : 'broken'] += 1;
      expect(isValid(cut(bytes, at))).toBe(expected);
    }),
    { numRuns: 2_000, seed: 1 },
  );
  expect(Math.min(seen.valid, seen.broken)).toBeGreaterThan(100);
});

test('a chunk that the caller overwrites afterwards does not change the result', () => {
  const check = createUtf8Check();
  const memory = Buffer.from('a😀').subarray(0, 3);
  expect(check.take(memory)).toBe(true);
  memory.fill(0xff);
  expect(check.take(Buffer.from('😀').subarray(2))).toBe(true);
  expect(check.isWhole()).toBe(true);
});
