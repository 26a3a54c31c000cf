import { WORKSPACE, type Bench } from '../bench-stack.ts';
import { formatMs, percentile } from '../figures.ts';
import { readSteps } from '../job-steps.ts';
import { populationOf } from '../people.ts';
import type { RowReport } from '../report.ts';

const REQUESTS = 50;
const WARM_UP = 5;
const AIM_P50_MS = 200;
const AIM_P95_MS = 400;

interface Answer {
  state: string;
  counts: { deleted: number } | null;
  result: { backups: unknown[] } | null;
  workflow: { id: string };
}

/**
 * Deletes users one after another: from the request to the answer that the user is deleted and the
 * backup verified.
 */
export const measureOne = async (bench: Bench): Promise<RowReport> => {
  await bench.load(populationOf(bench.users));
  const { rows } = await bench.owner.query<{ user_id: string }>(
    'SELECT user_id FROM users WHERE workspace_id = $1 ORDER BY user_id LIMIT $2',
    [WORKSPACE, WARM_UP + REQUESTS],
  );
  const deletions = [];
  for (const { user_id: userId } of rows) deletions.push(await deleteOne(bench, userId));
  const measured = deletions.slice(WARM_UP);
  const times = measured.map(({ elapsed }) => elapsed);
  const [p50, p95] = [percentile(times, 50), percentile(times, 95)];
  return {
    lines: [
      {
        what: 'one user: `DELETE`, user deleted, backup verified',
        peer: '–',
        result: `p50 ${formatMs(p50)}, p95 ${formatMs(p95)}`,
        aim: `p50 ≤ ${AIM_P50_MS} ms, p95 ≤ ${AIM_P95_MS} ms`,
        isMet: p50 <= AIM_P50_MS && p95 <= AIM_P95_MS,
      },
    ],
    raw: {
      milliseconds: times,
      steps: await Promise.all(
        measured.slice(-3).map(({ workflowId }) => readSteps(bench.temporal, workflowId)),
      ),
    },
  };
};

/**
 * Deletes one user and waits for the end. @throws Error unless the user is deleted and backed up
 * when the answer arrives
 */
const deleteOne = async ({ api }: Bench, userId: string) => {
  const start = performance.now();
  const { status, body } = await api.call<Answer>('DELETE', `/v1/users/${userId}`, undefined, {
    prefer: 'wait=10',
  });
  const elapsed = performance.now() - start;
  const isGone = body.counts?.deleted === 1 && body.result?.backups.length === 1;
  if (status !== 200 || !isGone) throw new Error(`a user's deletion answered ${status}`);
  return { elapsed, workflowId: body.workflow.id };
};
