import { expect, test } from 'vitest';
import { formatTimestamp } from '../../files/format.ts';
import { DAY_MS } from '../support/steps/delete-all.ts';
import { keepHistory } from '../support/steps/histories.ts';
import { type PlannedEnd, useTimeSkipping } from '../support/stack/time-skipping.ts';
import { waitUntil, waitFor } from '../support/wait.ts';

const { ask, plan, provider, database } = useTimeSkipping();

const HOUR_MS = DAY_MS / 24;

type Request = Awaited<ReturnType<typeof ask>>;

const asked = (of: Request) => `Requested: delete all users of ${of.people.workspaceId}`;

/** All mails to a person. Mails are sent in parallel with the workflow's steps, in any order. */
const hears = (of: Request, person: string, subjects: string[]) =>
  waitFor(() => expect(of.mailsTo(person).toSorted()).toEqual(subjects.toSorted()));

const approve = async (request: Request, reason?: string) => {
  const { pia } = request.people;
  await request.send('approve', { by: pia, ...(reason !== undefined && { reason }) });
  const row = await request.request();
  expect(row.state).toBe('open');
  await request.mailed('approved');
  return row.closes_at!.getTime();
};

const possible = async (of: Request) => {
  const { closes_at: closesAt } = await of.request();
  return `Deleting all users is possible until ${formatTimestamp(closesAt!)}`;
};

const countUsers = async ({ people }: Request): Promise<number> => {
  const { rows } = await database().owner.pool.query<{ n: number }>(
    'SELECT count(*)::int AS n FROM users WHERE workspace_id = $1',
    [people.workspaceId],
  );
  return rows[0]!.n;
};

test('a request without an answer gets a reminder after one day, and lapses after fourteen days', async () => {
  const request = await ask();
  const askedAt = (await request.request()).asked_at.getTime();
  await request.sleep(DAY_MS - HOUR_MS);
  await hears(request, 'pia', [asked(request)]);
  await request.sleep(2 * HOUR_MS);
  const unanswered = `Still unanswered: delete all users of ${request.people.workspaceId}`;
  await hears(request, 'pia', [asked(request), unanswered]);
  await request.sleep(13 * DAY_MS - 1.5 * HOUR_MS);
  expect((await request.request()).state).toBe('requested');
  await request.sleep(HOUR_MS);
  expect(await request.ends('lapsed')).toBe('lapsed');
  const { finished_at: finishedAt } = await request.request();
  expect(finishedAt!.getTime()).toBeGreaterThanOrEqual(askedAt + 14 * DAY_MS);
  expect(finishedAt!.getTime()).toBeLessThan(askedAt + 14 * DAY_MS + HOUR_MS);
  const lapsed = 'Deleting all users: lapsed';
  await hears(request, 'pia', [asked(request), unanswered, lapsed]);
  await hears(request, 'bob', [asked(request), lapsed]);
  await hears(request, 'ole', []);
  await keepHistory('lapsed', request.handle);
});

test('an unused window is open for three days, with reminders one day and two hours before, and expires', async () => {
  const request = await ask();
  const closesAt = await approve(request, 'agreed');
  const { opens_at: opensAt } = await request.request();
  expect(closesAt - opensAt!.getTime()).toBe(3 * DAY_MS);
  const state = { state: 'open', closesAt };
  expect(await request.handle.query('state')).toMatchObject(state);
  const until = new Date(closesAt).toISOString();
  const { searchAttributes } = await request.handle.describe();
  expect(searchAttributes['KeepsakePhase']).toEqual(['open']);
  expect(searchAttributes['KeepsakeWindowClosesAt']).toEqual([new Date(closesAt)]);
  const details = await request.handle.query('__temporal_workflow_metadata');
  expect(details).toMatchObject({ currentDetails: expect.stringContaining(`until ${until}`) });
  await request.sleep(2 * DAY_MS - HOUR_MS);
  const subjects = [asked(request), await possible(request)];
  await hears(request, 'bob', subjects);
  await request.sleep(2 * HOUR_MS);
  subjects.push('The window for deleting all users closes in 24 hours');
  await hears(request, 'bob', subjects);
  await request.sleep(22 * HOUR_MS);
  subjects.push('The window for deleting all users closes in 2 hours');
  await hears(request, 'bob', subjects);
  await hears(request, 'pia', subjects.slice(0, 2));
  expect((await request.request()).state).toBe('open');
  await request.sleep(2 * HOUR_MS);
  expect(await request.ends('expired')).toBe('expired');
  const closed = 'Deleting all users: the window has closed';
  await hears(request, 'bob', [...subjects, closed]);
  await hears(request, 'pia', [...subjects.slice(0, 2), closed]);
  expect((await request.request()).finished_at!.getTime()).toBeGreaterThanOrEqual(closesAt);
  expect(await countUsers(request)).toBe(3);
  await keepHistory('expired', request.handle);
});

test('a denial ends the request, and both sides get a mail with its reason', async () => {
  const request = await ask();
  const { pia } = request.people;
  await request.send('deny', { by: pia, reason: 'not in this quarter' });
  expect(await request.ends('denied')).toBe('denied');
  await hears(request, 'ada', [asked(request), 'Deleting all users: denied']);
  await hears(request, 'paul', [asked(request), 'Deleting all users: denied']);
  for (const person of ['ada', 'paul']) {
    const address = `${person}@${request.people.workspaceId}.example`;
    const mail = provider().mails.findLast(({ to }) => to === address);
    expect(mail).toMatchObject({ subject: expect.stringContaining('denied') });
    for (const body of [mail?.text, mail?.html]) expect(body).toContain('not in this quarter');
  }
  await keepHistory('denied', request.handle);
});

test.each(['requested', 'open'])('an admin withdraws the request while it is %s', async (state) => {
  const request = await ask();
  if (state === 'open') await approve(request);
  await request.send('withdraw', { by: request.people.bob });
  expect(await request.ends('withdrawn')).toBe('withdrawn');
  expect(request.mailsTo('ada')).toContain('Deleting all users: withdrawn');
  await keepHistory(`withdrawn-${state}`, request.handle);
});

test('the platform team revokes an open window', async () => {
  const request = await ask();
  await approve(request);
  await request.send('revoke', { by: request.people.paul, reason: 'a doubt' });
  expect(await request.ends('revoked')).toBe('revoked');
  expect(request.mailsTo('ada')).toContain('Deleting all users: revoked');
  await keepHistory('revoked', request.handle);
});

test('the run of a request is a child that deletes the users of the preview', async () => {
  const request = await ask();
  await approve(request);
  await request.run();
  await request.until('running');
  expect(await request.ends('completed')).toBe('completed');
  expect(await countUsers(request)).toBe(0);
  expect(request.mailsTo('pia')).toContain('Deleting all users is done: 3 of 3 users deleted');
  const { job_id: jobId } = await request.request();
  const { rows } = await database().owner.pool.query('SELECT * FROM jobs WHERE id = $1', [jobId]);
  expect(rows).toMatchObject([{ state: 'succeeded', parent_id: request.id }]);
  await keepHistory('completed', request.handle);
});

test.each([
  ['partiallySucceeded', 2, 'completedWithFailures'],
  ['failed', 1, 'failed'],
  ['cancelled', 1, 'cancelled'],
] as const)(
  'a run that ends as %s after %i deleted users ends the request as %s',
  async (state, deleted, end) => {
    const request = await ask();
    await approve(request);
    plan({ state, deleted });
    await request.run();
    expect(await request.ends(end)).toBe(end);
    expect(request.mailsTo('bob')).toContain(
      `Deleting all users ended: ${deleted} of 3 users deleted`,
    );
    await keepHistory(end, request.handle);
  },
);

test('after a run that deleted no user, the window stays open and closes at its planned time', async () => {
  const request = await ask();
  const closesAt = await approve(request);
  await request.sleep(DAY_MS);
  plan({ state: 'failed', deleted: 0 });
  const first = await request.run();
  await waitUntil(async () => (await request.request()).job_id !== null);
  await request.until('open');
  const { job_id: jobId, closes_at: after } = await request.request();
  expect(after!.getTime()).toBe(closesAt);
  // The first confirmation was used, so the same message starts nothing.
  await request.handle.signal('run', { decisionId: first });
  plan({ state: 'failed', deleted: 0 });
  await request.run(request.people.ada);
  await waitUntil(async () => (await request.request()).job_id !== jobId);
  await request.until('open');
  await request.sleep(2 * DAY_MS);
  expect(await request.ends('expired')).toBe('expired');
  expect((await request.request()).finished_at!.getTime()).toBeLessThan(closesAt + HOUR_MS);
  const approvals = request.mailsTo('bob').filter((subject) => subject.includes('is possible'));
  expect(approvals).toHaveLength(1);
  await keepHistory('handed-back', request.handle);
});

test('a run may end after the window has closed; if it deleted no user, the request has expired', async () => {
  // Within this real time, each request is approved and its run is begun.
  const windowMs = 20_000;
  const begin = async (state: PlannedEnd['state'], deleted: number) => {
    const request = await ask({ windowMs });
    await approve(request);
    const over = new Promise<void>((done) => setTimeout(done, windowMs + 1_000));
    const isTaken = plan({ state, deleted, after: over });
    await request.run();
    await waitUntil(isTaken);
    return request;
  };
  const finished = await begin('succeeded', 3);
  const broken = await begin('failed', 0);
  // The clock must not run ahead while one of them continues.
  await Promise.all([finished.until('completed'), broken.until('expired')]);
  expect(await finished.ends('completed')).toBe('completed');
  expect(await broken.ends('expired')).toBe('expired');
});

test('a cancel by an operator ends the request, and a mail says so', async () => {
  const request = await ask();
  await approve(request);
  await request.handle.cancel();
  expect(await request.ends('cancelled')).toBe('cancelled');
  expect(request.mailsTo('bob')).toContain('Deleting all users: stopped by an operator');
  await keepHistory('stopped', request.handle);
});

test('a reminder is left out if its window is too short', async () => {
  const request = await ask({ windowMs: 12 * HOUR_MS, lapseMs: 6 * HOUR_MS });
  await approve(request);
  await request.sleep(11 * HOUR_MS);
  await request.sleep(HOUR_MS);
  expect(await request.ends('expired')).toBe('expired');
  await hears(request, 'ada', [
    asked(request),
    await possible(request),
    'The window for deleting all users closes in 2 hours',
    'Deleting all users: the window has closed',
  ]);
  const lapsing = await ask({ lapseMs: 6 * HOUR_MS });
  await lapsing.sleep(6 * HOUR_MS);
  expect(await lapsing.ends('lapsed')).toBe('lapsed');
  await hears(lapsing, 'pia', [asked(lapsing), 'Deleting all users: lapsed']);
});
