import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { FAILURE_TYPES, UNKNOWN } from '../../../activities/failure-types.ts';

const section = /^## When a job fails$([^]*?)^## /m.exec(
  readFileSync('docs/operations.md', 'utf8'),
);

const documented = [...(section?.[1] ?? '').matchAll(/^\| (`[^|]*`) \|/gm)].flatMap(
  ([, cell = '']) => [...cell.matchAll(/`([\w-]+)`/g)].map(([, type = '']) => type),
);

test('docs/operations.md lists every type of failure exactly once, and no other type', () => {
  expect(documented.toSorted()).toEqual([...FAILURE_TYPES, UNKNOWN].toSorted());
});
