import { withBench, type Bench } from './bench-stack.ts';
import { readOptions, type BenchOptions, type RowName } from './options.ts';
import { assertPsql } from './peers/psql.ts';
import { writeReport, type RowReport } from './report.ts';
import { measureDelete } from './rows/delete.ts';
import { measureEveryone } from './rows/everyone.ts';
import { measureExport } from './rows/export.ts';
import { measureGrowth } from './rows/growth.ts';
import { measureImport } from './rows/import.ts';
import { measureLists } from './rows/list.ts';
import { measureOne } from './rows/one.ts';
import { measureOthers } from './rows/others.ts';
import { measureRestore } from './rows/restore.ts';

type Measure = (bench: Bench) => Promise<RowReport>;

/** To add a row, add an entry here. */
const MEASURES: { rows: RowName[]; measure: Measure }[] = [
  { rows: ['import'], measure: measureImport },
  { rows: ['export'], measure: measureExport },
  { rows: ['list'], measure: measureLists },
  { rows: ['one'], measure: measureOne },
  { rows: ['delete', 'durable'], measure: measureDelete },
  { rows: ['restore'], measure: measureRestore },
  { rows: ['others'], measure: measureOthers },
  { rows: ['everyone'], measure: measureEveryone },
  { rows: ['growth'], measure: measureGrowth },
];

const NEED_PSQL: RowName[] = ['import', 'export', 'delete', 'restore', 'everyone'];

const log = (line: string): void => {
  console.error(`${new Date().toISOString().slice(11, 19)} ${line}`);
};

/** Measures a row. A failed row is reported in its place, and the next rows are still measured. */
const tryMeasure = async (
  name: string,
  measure: () => Promise<RowReport>,
  signal: AbortSignal,
): Promise<RowReport> => {
  try {
    return await measure();
  } catch (error) {
    signal.throwIfAborted();
    process.exitCode = 1;
    console.error(error);
    const result = `failed: ${error instanceof Error ? error.message : 'see the log'}`;
    return { lines: [{ what: name, peer: '–', result, aim: '–', isMet: undefined }], raw: null };
  }
};

const measureAll =
  (options: BenchOptions, signal: AbortSignal) =>
  async (bench: Bench): Promise<void> => {
    const reports: Record<string, RowReport> = {};
    for (const { rows, measure } of MEASURES) {
      const chosen = rows.filter((row) => options.rows.includes(row)).join('+');
      if (chosen === '') continue;
      log(`== ${chosen}`);
      reports[chosen] = await tryMeasure(chosen, () => measure(bench), signal);
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
    process.once(signal, () => stopping.abort(new Error('it was stopped')));
  }
  await withBench(options, log, stopping.signal, measureAll(options, stopping.signal));
};

// Only an error makes the exit code a failure, not a figure that misses its aim.
await main().catch((error: unknown) => {
  console.error(
    `\nNothing was measured: ${error instanceof Error ? error.message : String(error)}`,
  );
  process.exitCode = 1;
});
