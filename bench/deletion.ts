import type { Backup } from '../local/api-client.ts';
import type { Bench } from './bench-stack.ts';
import { runJob, type JobRun } from './keepsake-job.ts';
import { GOES } from './people.ts';

export interface Preview {
  id: string;
  count: number;
}

/** A preview of all users to be deleted, as an admin confirms it. */
export const previewDeletion = async ({ api }: Bench): Promise<Preview> =>
  api.succeed('POST', '/v1/deletion-previews', {
    selection: { type: 'filter', filter: GOES.filter },
  });

/** Deletes the users of a preview. @throws Error unless every one of them was deleted */
export const deletePreviewed = async (
  bench: Bench,
  preview: Preview,
): Promise<{ run: JobRun; backups: Backup[] }> => {
  const { run, job } = await runJob(bench, '/v1/deletions', {
    previewId: preview.id,
    confirm: { count: preview.count },
    reason: 'bench',
  });
  const deleted = job.counts?.['deleted'];
  if (deleted !== preview.count) throw new Error(`${deleted} of ${preview.count} were deleted`);
  return { run, backups: job.result?.backups ?? [] };
};
