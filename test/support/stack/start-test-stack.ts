import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readLocalEnv } from '../../../config.ts';
import { removeDataFolder } from '../../../local/postgres/postgres-place.ts';
import { startStack, type Stack, type StackOptions } from '../../../local/stack.ts';
import { CACHE_FOLDER, CONSOLE_FOLDER, shareBuilds } from './builds.ts';

export type OwnStackOptions = Pick<StackOptions, 'mainFiles' | 'demo'> & {
  env?: NodeJS.ProcessEnv;
};

/** Starts all parts on real servers and free ports, in a temporary folder. */
export const startTestStack = async (
  options: OwnStackOptions = {},
): Promise<{ stack: Stack; dataDir: string; stop: () => Promise<void> }> => {
  const { env, ...files } = options;
  const dataDir = await mkdtemp(join(tmpdir(), 'keepsake-stack-'));
  await shareBuilds(dataDir);
  const ports = { PORT: '0', TEMPORAL_PORT: '0', TEMPORAL_UI_PORT: '0', OUTBOX_PORT: '0' };
  const stack = await startStack({
    env: readLocalEnv({
      ...ports,
      CONSOLE_DIR: CONSOLE_FOLDER,
      ...env,
      KEEPSAKE_DATA_DIR: dataDir,
    }),
    inherited: {
      PATH: process.env['PATH'],
      TMPDIR: process.env['TMPDIR'],
      LOG_LEVEL: 'info',
      RATE_LIMIT_PER_MINUTE: '1000000',
      ...env,
    },
    log: () => {},
    headless: true,
    isThrowaway: true,
    cliFallbackFolder: CACHE_FOLDER,
    ...files,
  });
  const stop = async () => {
    await stack.stop();
    removeDataFolder(dataDir);
  };
  return { stack, dataDir, stop };
};
