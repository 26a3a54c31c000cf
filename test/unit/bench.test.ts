import { describe, expect, it } from 'vitest';
import { median, percentile } from '../../bench/figures.ts';
import { readOptions, ROWS } from '../../bench/options.ts';
import { populationFor, populationOf } from '../../bench/people.ts';
import { compare } from '../../bench/report.ts';
import { DEFAULT_DELETE_ALL_PERCENT } from '../../config.ts';

const run = (seconds: number) => ({ seconds, processor: {} });

describe('the bench', () => {
  it('takes percentiles by nearest rank, in any order of the values', () => {
    expect(median([9, 1, 5])).toBe(5);
    expect(median([4, 1, 3, 2])).toBe(2);
    const hundred = Array.from({ length: 100 }, (_, index) => 100 - index);
    expect(percentile(hundred, 95)).toBe(95);
    expect(() => median([])).toThrow('nothing was measured');
  });

  it('compares medians, and reports whether the aim is met', () => {
    const runs = { own: [run(9), run(2), run(1)], peer: [run(4), run(4), run(100)] };
    const of = { what: 'w', own: 'own', peer: 'peer', shown: 'a peer' };
    expect(compare(runs, { ...of, aim: 0.5 })).toMatchObject({
      result: '0.50 × (2.00 s to 4.00 s)',
      isMet: true,
    });
    expect(compare(runs, { ...of, aim: 0.49 })).toMatchObject({ isMet: false });
    expect(compare(runs, { ...of, aim: undefined })).toMatchObject({ isMet: undefined });
  });

  it('runs the requested rows in its own order, and refuses unknown options', () => {
    expect(readOptions([])).toEqual({ rows: [...ROWS], users: 1_000_000, rounds: 3 });
    expect(readOptions(['--rows', 'one,export', '--rounds', '1']).rows).toEqual(['export', 'one']);
    for (const wrong of [['--rows', 'two'], ['--users', '9'], ['--rounds', '1.5'], ['--help']]) {
      expect(() => readOptions(wrong)).toThrow('npm run bench --');
    }
  });

  it('selects at most the share of a workspace that a deletion may delete without an approval', () => {
    for (const { total, going } of [populationFor(1_000_000), populationOf(1_000_000)]) {
      expect(going * 100).toBeLessThanOrEqual(total * DEFAULT_DELETE_ALL_PERCENT);
    }
  });
});
