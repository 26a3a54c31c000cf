import { expect, test } from 'vitest';
import { z } from 'zod';
import { readInput } from '../../../api/http/validation.ts';

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

test('at most 100 errors are listed', () => {
  const body = Object.fromEntries(Array.from({ length: 5_000 }, (_, n) => [`k${n}`, n]));
  expect(pointersOf(z.strictObject({}), body)).toHaveLength(100);
});
