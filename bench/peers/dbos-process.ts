import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DBOS } from '@dbos-inc/dbos-sdk';
import { createOwnDeletion, type OwnDeletion } from './dbos-own.ts';
import { createPagedDeletion, type PagedDeletion } from './dbos-pages.ts';

/**
 * The requests of the benchmark to this process, one at a time. The answer is an error's message,
 * or null.
 */
export type DbosRequest =
  | { kind: 'pages'; input: Omit<PagedDeletion, 'folder'> }
  | { kind: 'own'; input: OwnDeletion };

const env = (name: string): string => {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set`);
  return value;
};

const folder = env('FOLDER');
const pages = createPagedDeletion(env('OWNER_URL'));
const own = createOwnDeletion(env('APP_URL'), join(folder, 'own'));

DBOS.setConfig({
  name: 'keepsake-bench',
  systemDatabaseUrl: env('SYSTEM_URL'),
  logLevel: 'error',
});
await DBOS.launch();

const carryOut = async (request: DbosRequest): Promise<void> => {
  if (request.kind === 'own') {
    await own.run(request.input);
    return;
  }
  const target = join(folder, 'pages');
  await mkdir(target, { recursive: true });
  await pages.run({ ...request.input, folder: target });
};

const answer = async (request: DbosRequest): Promise<void> => {
  try {
    await carryOut(request);
    process.send?.(null);
  } catch (error) {
    process.send?.(error instanceof Error ? error.message : 'it failed');
  }
  await rm(folder, { recursive: true, force: true });
};

process.on('message', (request: DbosRequest) => void answer(request));
process.once('disconnect', () => {
  void Promise.all([DBOS.shutdown(), pages.close(), own.close()]);
});
process.send?.('ready');
