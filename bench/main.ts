import { withBench, type Bench } from './bench-stack.ts';
import { readOptions, type BenchOptions, type RowName } from './options.ts';
import { assertPsql } from './peers/psql.ts';
import { writeReport, type RowReport } from './report.ts';
import { measureDelete } from './rows/delete.ts';
import { measureExport } from './rows/export.ts';
import { measureGrowth } from './rows/growth.ts';
import { measureLists } from './rows/list.ts';
import { measureOne } from './rows/one.ts';
import { measureOthers } from './rows/others.ts';
import { measureRestore } from './rows/restore.ts';

type Measure = (bench: Bench) => Promise<RowReport>;

/** A further row is a further entry here. */
const MEASURES: { rows: RowName[]; measure: Measure }[] = [
  { rows: ['export'], measure: measureExport },
  { rows: ['list'], measure: measureLists },
  { rows: ['one'], measure: measureOne },
  { rows: ['delete', 'durable'], measure: measureDelete },
  { rows: ['restore'], measure: measureRestore },
  { rows: ['others'], measure: measureOthers },
  { rows: ['growth'], measure: measureGrowth },
];

const NEED_PSQL: RowName[] = ['export', 'delete', 'restore'];

const log = (line: string): void => {
  console.error(`${new Date().toISOString().slice(11, 19)} ${line}`);
};

const measureAll =
  (options: BenchOptions) =>
  async (bench: Bench): Promise<void> => {
    const reports: Record<string, RowReport> = {};
    for (const { rows, measure } of MEASURES) {
      const chosen = rows.filter((row) => options.rows.includes(row));
      if (chosen.length === 0) continue;
      log(`== ${chosen.join(', ')}`);
      reports[chosen.join('+')] = await measure(bench);
    }
    const { table, file } = await writeReport(bench, reports);
    console.log(`\n${table}\n`);
    log(`written to ${file}`);
  };

const main = async (): Promise<void> => {
  const options = readOptions(process.argv.slice(2));
  if (options.rows.some((row) => NEED_PSQL.includes(row))) assertPsql();
  const stopping = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => stopping.abort(new Error('stopped')));
  }
  await withBench(options, log, stopping.signal, measureAll(options));
};

// Whatever the figures say, only what broke is a failure.
await main().catch((error: unknown) => {
  console.error(`\nThe bench broke: ${error instanceof Error ? error.stack : String(error)}`);
  process.exitCode = 1;
});
