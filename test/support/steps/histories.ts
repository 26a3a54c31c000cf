import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { WorkflowHandle } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';

/**
 * One folder for each version of the story that requests may be open of; new ones go into the last.
 */
const FOLDER = join(import.meta.dirname, '..', '..', 'workflow', 'histories');
const LATEST = join(FOLDER, '2');
/** Those of deliveries to webhooks, which may be under way for three days. */
export const DELIVERY_HISTORIES = join(FOLDER, '..', 'delivery-histories');

/**
 * Set to write the histories anew: `WRITE_HISTORIES=1 npx vitest run test/workflow/paths.test.ts`.
 */
const isWriting = process.env['WRITE_HISTORIES'] !== undefined;

/** A history as text, with what its payloads hold. */
export const readHistory = async (handle: WorkflowHandle): Promise<string> =>
  historyToJSON(await handle.fetchHistory()).replaceAll(
    /"data": ?"([A-Za-z0-9+/=]+)"/g,
    (_all, data: string) => Buffer.from(data, 'base64').toString('utf8'),
  );

/** Keeps the history of a path through the story, for the replay test, when told to. */
export const keepHistory = async (
  path: string,
  handle: WorkflowHandle,
  folder = LATEST,
): Promise<void> => {
  if (!isWriting) return;
  mkdirSync(folder, { recursive: true });
  const history = JSON.parse(historyToJSON(await handle.fetchHistory()), (name, value: unknown) => {
    // Of which machine and process it was says nothing to anyone else.
    if (name === 'identity') return 'test';
    return name === 'stackTrace' ? '' : value;
  }) as unknown;
  writeFileSync(join(folder, `${path}.json`), `${JSON.stringify(history)}\n`);
};

/** The saved histories by version and the paths they are of. */
export const readHistories = (folder = FOLDER): { path: string; history: unknown }[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.json'))
    .map((name) => ({
      path: name.slice(0, -'.json'.length),
      history: JSON.parse(readFileSync(join(folder, name), 'utf8')) as unknown,
    }))
    .toSorted((a, b) => (a.path < b.path ? -1 : 1));
