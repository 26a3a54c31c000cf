import { expect, test } from 'vitest';
import { joinLines } from '../../../db/imports/import-staging.ts';

const TARGET = { mode: 'update', mergeTags: true, canKeep: false, columns: ['tags'] } as const;

/** The processor time to join this many lines of one user, with 100 new tags each. */
const timeOf = (count: number): number => {
  const rows = Array.from({ length: count }, (_, n) => ({
    line: n + 2,
    userId: 'u-1',
    columns: { tags: Array.from({ length: 100 }, (__, tag) => `t${n}-${tag}`) },
    properties: {},
    payload: () => '',
  }));
  const begin = process.cpuUsage();
  const { later } = joinLines(rows, { ...TARGET, columns: [...TARGET.columns] });
  expect(later[0]?.columns['tags']).toHaveLength((count - 1) * 100);
  const { user, system } = process.cpuUsage(begin);
  return user + system;
};

test('eight times as many lines of one user take less than 24 times as long to join', () => {
  timeOf(500);
  // Other work of the machine only adds time, so the least time of each is the closest.
  const leastOf = (count: number) => Math.min(...Array.from({ length: 5 }, () => timeOf(count)));
  // In quadratic time, the ratio would be 64.
  expect(leastOf(4_000) / leastOf(500)).toBeLessThan(24);
});
