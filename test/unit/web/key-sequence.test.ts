import { expect, test } from 'vitest';
import { createKeySequence, type PressedKey } from '../../../web/shortcuts/key-sequence.ts';

const KNOWN = new Set(['?', 'g u', 'g s', 'x']);

/** Presses keys one after another, 100 ms apart unless stated. */
const press = (...keys: (Partial<PressedKey> & { key: string })[]) => {
  const recognize = createKeySequence();
  return keys.map((pressed, index) =>
    recognize({ isModified: false, isInField: false, atMs: index * 100, ...pressed }, KNOWN),
  );
};

test('a single key acts at once, and g waits for the second key', () => {
  expect(press({ key: '?' })).toEqual(['?']);
  expect(press({ key: 'g' }, { key: 'u' })).toEqual([undefined, 'g u']);
});

test('another key in between ends a sequence, and acts by itself', () => {
  expect(press({ key: 'g' }, { key: 'x' }, { key: 'u' })).toEqual([undefined, 'x', undefined]);
  expect(press({ key: 'g' }, { key: 'g' }, { key: 's' })).toEqual([undefined, undefined, 'g s']);
});

test('the second key must follow within a second and a half', () => {
  expect(press({ key: 'g' }, { key: 'u', atMs: 1_500 })).toEqual([undefined, 'g u']);
  expect(press({ key: 'g' }, { key: 'u', atMs: 1_501 })).toEqual([undefined, undefined]);
});

test('keys in a field, or with Ctrl, Alt or the command key, are no shortcuts', () => {
  expect(press({ key: '?', isInField: true })).toEqual([undefined]);
  expect(press({ key: 'g' }, { key: 'u', isModified: true })).toEqual([undefined, undefined]);
});
