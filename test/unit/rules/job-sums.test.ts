import { expect, test } from 'vitest';
import { closeDeletion, closeImport, closeRestore, resultOf } from '../../../rules/job-sums.ts';
import { countLeft } from '../../../rules/left-users.ts';

const COMPLETED = { kind: 'completed' } as const;
const CANCELLED = { kind: 'cancelled' } as const;
const FAILED = { kind: 'failed', type: 'storageFull', message: '' } as const;
const NOT_CLOSED = { kind: 'failed', type: 'sumsDoNotClose' };
const SEGMENT = { type: 'segment' };
const IDS = { type: 'ids' };

const deletion = {
  selected: 6,
  deleted: 1,
  changedSinceBackup: 1,
  notFound: 1,
  held: 1,
  failed: 1,
  unprocessed: 1,
};
const restore = { selected: 5, restored: 1, present: 1, notFound: 1, failed: 1, unprocessed: 1 };
const lines = {
  lines: 6,
  imported: 1,
  merged: 1,
  unchanged: 1,
  skipped: 1,
  held: 1,
  failed: 2,
  partial: 1,
  unprocessed: 0,
};

test('a job whose sums close ends as its steps did', () => {
  for (const end of [COMPLETED, CANCELLED, FAILED]) {
    expect(closeDeletion(deletion, end, SEGMENT)).toEqual(end);
    expect(closeRestore(restore, end)).toEqual(end);
    expect(closeImport({ counts: lines, isRead: true, refused: 0 }, end)).toEqual(end);
  }
});

test('a completed job whose sums do not close has failed', () => {
  expect(closeDeletion({ ...deletion, held: 2 }, COMPLETED, SEGMENT)).toMatchObject(NOT_CLOSED);
  expect(closeRestore({ ...restore, present: 0 }, COMPLETED)).toMatchObject(NOT_CLOSED);
  const counts = { ...lines, skipped: 0 };
  expect(closeImport({ counts, isRead: true, refused: 0 }, COMPLETED)).toMatchObject(NOT_CLOSED);
});

test('a completed job has failed if it is unknown how many users or lines it has', () => {
  const none = { ...deletion, deleted: 0, changedSinceBackup: 0, notFound: 0 };
  const users = { ...none, selected: null, held: 0, failed: 0, unprocessed: 0 };
  expect(closeDeletion(users, COMPLETED, SEGMENT)).toMatchObject(NOT_CLOSED);
  const counts = { ...lines, lines: 0, imported: 0, merged: 0, skipped: 0, held: 0, failed: 0 };
  expect(closeImport({ counts, isRead: false, refused: 0 }, COMPLETED)).toMatchObject(NOT_CLOSED);
  expect(closeImport({ counts, isRead: true, refused: 0 }, COMPLETED)).toEqual(COMPLETED);
});

test('a deletion of named users of which all are held has failed, and one of a segment has not', () => {
  const held = { ...deletion, deleted: 0, changedSinceBackup: 0, failed: 0, unprocessed: 0 };
  const counts = { ...held, selected: 2 };
  expect(closeDeletion(counts, COMPLETED, IDS)).toMatchObject({ kind: 'failed', type: 'held' });
  expect(closeDeletion(counts, COMPLETED, SEGMENT)).toEqual(COMPLETED);
});

test('an import of which no line was imported has failed, by its file or by the database', () => {
  const counts = { ...lines, imported: 0, merged: 0, skipped: 0, lines: 3 };
  expect(closeImport({ counts, isRead: true, refused: 0 }, COMPLETED)).toMatchObject({
    type: 'everyLineFailed',
  });
  expect(closeImport({ counts, isRead: true, refused: 1 }, COMPLETED)).toMatchObject({
    type: 'everyLineRefused',
  });
});

test('held users are left by an import, and not by a deletion', () => {
  expect(countLeft('deletion', deletion)).toBe(3);
  expect(countLeft('restore', restore)).toBe(2);
  expect(countLeft('import', lines)).toBe(3);
  expect(countLeft('export', { selected: 3, exported: 2, notFound: 1 })).toBe(0);
});

test('a completed job that has left users succeeded in part', () => {
  const done = { ...deletion, changedSinceBackup: 0, failed: 0, unprocessed: 0 };
  expect(resultOf('deletion', COMPLETED, done)).toEqual({ state: 'succeeded', failures: 0 });
  expect(resultOf('deletion', COMPLETED, deletion)).toEqual({
    state: 'partiallySucceeded',
    failures: 3,
  });
  expect(resultOf('deletion', CANCELLED, deletion)).toEqual({ state: 'cancelled', failures: 3 });
  expect(resultOf('deletion', FAILED, deletion)).toEqual({
    state: 'failed',
    failures: 3,
    error: { type: 'storageFull', message: '' },
  });
});
