import { partitionOf } from '../../db/workspaces.ts';
import { WORKSPACE, type Bench } from '../bench-stack.ts';
import { contest, type Contender } from '../contest.ts';
import { deletePreviewed, previewDeletion } from '../deletion.ts';
import { GOES, populationFor } from '../people.ts';
import { startDbosPeer } from '../peers/dbos.ts';
import { backUpAndDelete } from '../peers/psql.ts';
import { compare, type Line, type RowReport } from '../report.ts';

const AIM_SCRIPT = 1;
const AIM_DBOS = 0.5;
const AIM_DBOS_OWN = 1.1;

const KEEPSAKE = 'Keepsake';
const SCRIPT = 'script';
const DBOS = 'DBOS, usual';
const DBOS_OWN = 'DBOS, own code';

const WHAT = 'back up + verify + delete';
const TABLE = `"${partitionOf(WORKSPACE)}"`;

/**
 * Deletes the same users of a larger workspace, by a script (`delete`) or as durable jobs
 * (`durable`).
 */
export const measureDelete = async (bench: Bench): Promise<RowReport> => {
  const dbos = bench.rows.includes('durable') ? await startDbosPeer(bench) : undefined;
  try {
    const contenders = [
      keepsake(bench),
      ...(bench.rows.includes('delete') ? [script(bench)] : []),
      ...(dbos === undefined ? [] : dbosContenders(bench, dbos)),
    ];
    const runs = await contest(bench, contenders);
    return { lines: linesOf(bench, runs), raw: runs };
  } finally {
    await dbos?.stop();
  }
};

const script = (bench: Bench): Contender => ({
  name: SCRIPT,
  prepare: () => bench.load(populationFor(bench.users)),
  run: async () => {
    const seconds = await backUpAndDelete(bench, GOES.sql);
    await assertDeleted(bench, SCRIPT);
    return { seconds };
  },
});

const assertDeleted = async ({ owner }: Bench, name: string): Promise<void> => {
  const { rowCount } = await owner.query(`SELECT FROM ${TABLE} WHERE ${GOES.sql} LIMIT 1`);
  if (rowCount !== 0) throw new Error(`${name} did not delete all selected users`);
};

const keepsake = (bench: Bench): Contender => {
  let preview = { id: '', count: 0 };
  return {
    name: KEEPSAKE,
    prepare: async () => {
      await bench.load(populationFor(bench.users));
      preview = await previewDeletion(bench);
    },
    run: async () => (await deletePreviewed(bench, preview)).run,
  };
};

const dbosContenders = (
  bench: Bench,
  peer: Awaited<ReturnType<typeof startDbosPeer>>,
): Contender[] => {
  let preview = { id: '', count: 0 };
  const timed = async (name: string, run: () => Promise<number>) => {
    const seconds = await run();
    await assertDeleted(bench, name);
    return { seconds };
  };
  return [
    {
      name: DBOS,
      prepare: () => bench.load(populationFor(bench.users)),
      run: () => timed(DBOS, peer.deleteInPages),
    },
    {
      name: DBOS_OWN,
      prepare: async () => {
        await bench.load(populationFor(bench.users));
        preview = await previewDeletion(bench);
      },
      run: () => timed(DBOS_OWN, () => peer.deleteWithOwnCode(preview)),
    },
  ];
};

const linesOf = (bench: Bench, runs: Awaited<ReturnType<typeof contest>>): Line[] => {
  const line = (peer: string, shown: string, aim: number) =>
    compare(runs, { what: WHAT, own: KEEPSAKE, peer, shown, aim });
  return [
    ...(bench.rows.includes('delete')
      ? [line(SCRIPT, 'script: `\\copy`, `gzip -1`, fsync, `DELETE`', AIM_SCRIPT)]
      : []),
    ...(bench.rows.includes('durable')
      ? [
          line(DBOS, 'DBOS in its usual style', AIM_DBOS),
          line(DBOS_OWN, "DBOS with Keepsake's copy and delete", AIM_DBOS_OWN),
        ]
      : []),
  ];
};
