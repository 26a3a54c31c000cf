import { expect, test } from 'vitest';
import { callWordsOf, closeWordsOf } from '../../../../web/page/call-words.ts';
import { readProblem, unreachable } from '../../../../web/api/problem.ts';
import { startEach } from '../../../../web/restores/start-each.ts';
import { partlyStartedWordsOf } from '../../../../web/restores/restore-words.ts';

const refusal = () => readProblem(new Response('', { status: 410 }));

test('each backup gets a restore, in their order', async () => {
  const { jobs, refused } = await startEach(['a', 'b'], async (id) => `job of ${id}`);
  expect(jobs).toEqual(['job of a', 'job of b']);
  expect(refused).toEqual([]);
});

test('a refusal of one backup does not hide that the others have started', async () => {
  const problem = await refusal();
  const { jobs, refused } = await startEach(['a', 'b', 'c'], async (id) => {
    if (id === 'b') throw problem;
    return id;
  });
  expect(jobs).toEqual(['a', 'c']);
  expect(refused).toEqual([problem]);
  expect(partlyStartedWordsOf(2, 1)).toBe('2 restores have started. 1 other was refused.');
});

test('where nothing has started, the first refusal is the answer', async () => {
  const problem = await refusal();
  const answer = startEach(['a', 'b'], async () => {
    throw problem;
  });
  await expect(answer).rejects.toBe(problem);
});

test('a server that is away is no refusal: nothing further is sent, and what has started is told', async () => {
  const away = unreachable(new Error('reset'));
  const sent: string[] = [];
  const answer = startEach(['a', 'b', 'c'], async (id) => {
    sent.push(id);
    if (id === 'b') throw away;
    return id;
  });
  await expect(answer).rejects.toBe(away);
  expect(sent).toEqual(['a', 'b']);
  expect(callWordsOf(away, true)).toMatch('A part has started, and more may have');
  const known = { ...away, slug: 'database-unavailable' };
  expect(callWordsOf(known, true)).toMatch('the rest has not yet: the database is away');
  expect(closeWordsOf(away)).toMatch('the rest is not sent again');
});
