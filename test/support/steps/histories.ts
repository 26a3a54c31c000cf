import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { WorkflowHandle } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';

/**
 * One folder for each workflow version that open requests may use. New histories are written to the
 * last folder.
 */
const FOLDER = join(import.meta.dirname, '..', '..', 'workflow', 'histories');
const LATEST = join(FOLDER, '2');
/** Histories of webhook deliveries, which may run for three days. */
export const DELIVERY_HISTORIES = join(FOLDER, '..', 'delivery-histories');

/**
 * Set the variable to write the histories anew: `WRITE_HISTORIES=1 npx vitest run
 * test/workflow/paths.test.ts`.
 */
const isWriting = process.env['WRITE_HISTORIES'] !== undefined;

/** The number of events without workflow tasks, which depend on how busy the machine is. */
export const countOwnEvents = async (handle: WorkflowHandle): Promise<number> => {
  const { events } = JSON.parse(historyToJSON(await handle.fetchHistory())) as {
    events: { eventType: string }[];
  };
  return events.filter(({ eventType }) => !eventType.startsWith('EVENT_TYPE_WORKFLOW_TASK_'))
    .length;
};

/** A history as text, with its payloads decoded. */
export const readHistory = async (handle: WorkflowHandle): Promise<string> =>
  historyToJSON(await handle.fetchHistory()).replaceAll(
    /"data": ?"([A-Za-z0-9+/=]+)"/g,
    (_all, data: string) => Buffer.from(data, 'base64').toString('utf8'),
  );

/** Writes the history of a path through the workflow for the replay test, if `isWriting`. */
export const keepHistory = async (
  path: string,
  handle: WorkflowHandle,
  folder = LATEST,
): Promise<void> => {
  if (!isWriting) return;
  mkdirSync(folder, { recursive: true });
  const history = JSON.parse(historyToJSON(await handle.fetchHistory()), (name, value: unknown) => {
    // The names of the machine and process are of no use to others.
    if (name === 'identity') return 'test';
    return name === 'stackTrace' ? '' : value;
  }) as unknown;
  writeFileSync(join(folder, `${path}.json`), `${JSON.stringify(history)}\n`);
};

/** The saved histories by version, and their paths. */
export const readHistories = (folder = FOLDER): { path: string; history: unknown }[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.json'))
    .map((name) => ({
      path: name.slice(0, -'.json'.length),
      history: JSON.parse(readFileSync(join(folder, name), 'utf8')) as unknown,
    }))
    .toSorted((a, b) => (a.path < b.path ? -1 : 1));
