import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { partitionOf } from '../../db/workspaces.ts';
import type { Backup } from '../../local/api-client.ts';
import { WORKSPACE, type Bench } from '../bench-stack.ts';
import { contest, type Contender } from '../contest.ts';
import { deletePreviewed, previewDeletion } from '../deletion.ts';
import { formatTimes } from '../figures.ts';
import { runJob } from '../keepsake-job.ts';
import { populationFor, settle } from '../people.ts';
import { runScript } from '../peers/psql.ts';
import { compare, type RowReport } from '../report.ts';

const AIM = 1.2;
const WHAT = 'restore';
const TABLE = `"${partitionOf(WORKSPACE)}"`;
const KEEPSAKE = 'Keepsake';
const SCRIPT = 'script';
const PEER = '`gunzip`, `psql \\copy`';

/** Restores the users of a deletion into a table with all its indexes. */
export const measureRestore = async (bench: Bench): Promise<RowReport> => {
  if (!(await isThere(bench))) {
    const result = 'skipped: the API knows no restores';
    bench.log(result);
    const aim = `≤ ${formatTimes(AIM)}`;
    return { lines: [{ what: WHAT, peer: PEER, result, aim, isMet: undefined }], raw: null };
  }
  const runs = await contest(bench, [keepsake(bench), script(bench)]);
  return {
    lines: [compare(runs, { what: WHAT, own: KEEPSAKE, peer: SCRIPT, shown: PEER, aim: AIM })],
    raw: runs,
  };
};

/** Whether the API has the route. Without it there is nothing to measure. */
const isThere = async ({ api }: Bench): Promise<boolean> => {
  const { paths } = await api.succeed<{ paths: object }>('GET', '/openapi.json');
  return '/v1/backups/{id}/restores' in paths;
};

const keepsake = (bench: Bench): Contender => {
  let backup: Backup | undefined;
  return {
    name: KEEPSAKE,
    prepare: async () => {
      backup = await deleteThem(bench);
    },
    run: async () => {
      const { run } = await runJob(bench, `/v1/backups/${backup?.id}/restores`, {});
      await assertBack(bench, KEEPSAKE);
      return run;
    },
  };
};

/** Deletes the same users from the same table, with a Keepsake backup, for both contenders. */
const deleteThem = async (bench: Bench): Promise<Backup> => {
  await bench.load(populationFor(bench.users));
  const { backups } = await deletePreviewed(bench, await previewDeletion(bench));
  await settle(bench.owner, WORKSPACE);
  const [backup] = backups;
  if (backup === undefined) throw new Error('the deletion has no backup');
  return backup;
};

const assertBack = async ({ owner, users }: Bench, name: string): Promise<void> => {
  const { total } = populationFor(users);
  const { rows } = await owner.query<{ count: string }>(`SELECT count(*) FROM ${TABLE}`);
  if (Number(rows[0]?.count) !== total) {
    throw new Error(`${name}: ${rows[0]?.count} of ${total} users exist`);
  }
};

const script = (bench: Bench): Contender => {
  const plain = join(bench.folder, 'restore.csv');
  const file = `${plain}.gz`;
  return {
    name: SCRIPT,
    prepare: async () => {
      const { id } = await deleteThem(bench);
      writeFileSync(plain, await bench.api.download(`/v1/backups/${id}/file`));
      await runScript(bench, 'gzip -1 "$PLAIN"; sync "$PLAIN.gz"', { PLAIN: plain });
    },
    run: async () => {
      const line = 'gunzip -c "$FILE" | psql -c "$COPY"';
      const copy = `\\copy ${TABLE} FROM STDIN (FORMAT csv, HEADER)`;
      const seconds = await runScript(bench, line, { COPY: copy, FILE: file });
      await assertBack(bench, SCRIPT);
      rmSync(file);
      return { seconds };
    },
  };
};
