import { expect, test } from 'vitest';
import { z } from 'zod';
import { invalidRequest } from '../../../api/http/problems.ts';
import { readInput } from '../../../api/http/validation.ts';
import { columnsSchema } from '../../../api/imports/import-mapping.ts';

const pointersOf = (schema: z.ZodType, value: unknown, part?: string): string[] => {
  const read = readInput(schema, value, part);
  return 'value' in read ? [] : read.errors.map(({ pointer }) => pointer);
};

test('a pointer into the body follows RFC 6901', () => {
  const schema = z.strictObject({ 'a/b': z.strictObject({ 'c~d': z.array(z.number()) }) });
  expect(pointersOf(schema, { 'a/b': { 'c~d': [1, 'x'] } })).toEqual(['/a~1b/c~0d/1']);
  expect(pointersOf(schema, null)).toEqual(['']);
});

test('each unknown name has its own pointer', () => {
  expect(pointersOf(z.strictObject({ a: z.string() }), { a: 'x', b: 1, c: 1 })).toEqual([
    '/b',
    '/c',
  ]);
});

test('the error of a union points into the branch that the input resembles', () => {
  const schema = z.strictObject({
    filter: z.union([
      z.strictObject({ and: z.array(z.strictObject({ field: z.string() })).min(1) }),
      z.strictObject({ field: z.string(), op: z.enum(['is']) }),
    ]),
  });
  expect(pointersOf(schema, { filter: { and: [{ field: 7 }] } })).toEqual(['/filter/and/0/field']);
  expect(pointersOf(schema, { filter: { field: 'a', op: 'was' } })).toEqual(['/filter/op']);
});

test('errors in the query and the path point to the parameter by name', () => {
  expect(
    pointersOf(z.strictObject({ limit: z.string() }), { limit: ['1', '2'] }, 'querystring'),
  ).toEqual(['?limit']);
  expect(pointersOf(z.strictObject({ id: z.uuid() }), { id: 'x' }, 'params')).toEqual(['{id}']);
});

const manyNames = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, n) => [`k${n}`, n]));

test('at most 100 errors are listed, and all are counted', () => {
  const read = readInput(z.strictObject({}), manyNames(5_000));
  expect(read).toMatchObject({ count: 5_000 });
  expect(pointersOf(z.strictObject({}), manyNames(5_000))).toHaveLength(100);
  const { errors, detail } = invalidRequest(
    Array.from({ length: 150 }, (_, n) => ({ detail: 'is wrong', pointer: `/${n}` })),
  );
  expect(errors).toHaveLength(100);
  expect(detail).toBe('The request has 150 errors; see the first 100 in errors.');
});

test('an object with very many wrong names is refused in each branch of a union', () => {
  const schema = z.union([
    z.strictObject({ a: z.record(z.string(), z.string()) }),
    z.strictObject({ b: z.string() }),
  ]);
  expect(readInput(schema, manyNames(300_000))).toMatchObject({ count: 300_001 });
  expect(
    readInput(z.union([z.record(z.string(), z.string()), z.string()]), manyNames(300_000)),
  ).toMatchObject({
    count: 300_000,
  });
});

test('a mapping of too many columns is refused before its columns are read', () => {
  const schema = z.strictObject({ columns: columnsSchema.optional() });
  expect(readInput(schema, { columns: manyNames(300_000) })).toEqual({
    errors: [{ detail: 'must name at most 400 columns', pointer: '/columns' }],
    count: 1,
  });
  expect(pointersOf(schema, { columns: manyNames(400) })).toHaveLength(100);
  expect(pointersOf(schema, {})).toEqual([]);
});
