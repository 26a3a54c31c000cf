import { expect, test } from 'vitest';
import { allColumns, readFields, writeFields } from '../../../../web/users/table/columns.ts';

const storage = () => {
  const items = new Map<string, string>();
  return {
    items,
    getItem: (name: string) => items.get(name) ?? null,
    setItem: (name: string, value: string) => void items.set(name, value),
  };
};

test('the mail is the first column, and custom properties the last', () => {
  const names = allColumns(new Map([['plan', 'string']])).map(({ name }) => name);
  expect(names.slice(0, 2)).toEqual(['Email', 'First name']);
  expect(names.at(-1)).toBe('plan');
  expect(names).not.toContain('Id');
});

test('columns are kept for each workspace', () => {
  const kept = storage();
  writeFields('acme', ['properties.plan'], kept);
  expect(readFields('acme', kept)).toEqual(['properties.plan']);
  expect(readFields('other', kept)).toContain('email');
});

test.each(['{', '"email"', '[1]'])('%s in the storage counts as nothing', (text) => {
  const kept = storage();
  kept.items.set('keepsake-columns:acme', text);
  expect(readFields('acme', kept)).toContain('email');
});
