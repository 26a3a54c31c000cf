import type { ImportTarget } from '../db/import-statements.ts';
import { copyPieces, type joinLines, type StagedRow } from '../db/import-staging.ts';
import type { ImportRow } from '../imports/read-chunks.ts';
import type { ImportJob } from './check-import.ts';

/** What of an import decides how its rows are put together. */
export type RowsJob = Pick<ImportJob, 'workspaceId' | 'options'>;

/** Rows of a chunk as they are staged. */
export interface Prepared {
  target: ImportTarget;
  rows: StagedRow[];
  pieces: Buffer[];
}

const targetOf = ({ workspaceId, options }: RowsJob, row: ImportRow): ImportTarget => ({
  workspaceId,
  mode: options.mode,
  mergeTags: options.mergeTags,
  columns: Object.keys(row.columns),
  properties: Object.keys(row.properties),
});

/** None when there are no rows. */
export const prepareRows = (
  job: RowsJob,
  given: readonly ImportRow[],
  arrange: typeof joinLines,
): Prepared | undefined => {
  const [first] = given;
  if (first === undefined) return undefined;
  const target = targetOf(job, first);
  const rows = arrange(given, target);
  return { target, rows, pieces: copyPieces(rows, target) };
};
