import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import { join, resolve } from 'node:path';
import { readLocalEnv } from '../config.ts';
import { readJson } from './data-folder.ts';
import {
  cliFolderIn,
  cliFoldersOf,
  findTemporalCli,
  withoutTemporalSettings,
} from './temporal/temporal-cli.ts';

/** Commands that need no server; `server` starts one. */
const WITHOUT_SERVER = new Set(['completion', 'config', 'env', 'help', 'server']);
const WITHOUT_SERVER_FLAG = /^(?:-h|--help|-v|--version|--address(?:=.*)?)$/;

const needsServer = (args: readonly string[]): boolean => {
  const [command = 'help'] = args.filter((arg) => !arg.startsWith('-'));
  return !WITHOUT_SERVER.has(command) && !args.some((arg) => WITHOUT_SERVER_FLAG.test(arg));
};

interface RunningTemporal {
  temporal?: string;
  pids?: { temporal?: number };
}

/**
 * The environment for the CLI: TEMPORAL_ADDRESS, or else the stack that runs on the data folder.
 */
const findServer = (dataDir: string, env: NodeJS.ProcessEnv): NodeJS.ProcessEnv | undefined => {
  if (env['TEMPORAL_ADDRESS']) return env;
  const info = readJson(join(dataDir, 'local.json')) as RunningTemporal | undefined;
  if (info?.temporal === undefined) return undefined;
  // A server given to the stack may need the caller's settings. The embedded server must not get
  // them.
  if (info.pids?.temporal === undefined) return { ...env, TEMPORAL_ADDRESS: info.temporal };
  return {
    ...withoutTemporalSettings(env),
    TEMPORAL_ADDRESS: info.temporal,
    TEMPORAL_CONFIG_FILE: join(dataDir, 'temporal.toml'),
  };
};

/** Runs the CLI in this terminal. @returns its exit code */
const runCli = async (program: string, args: string[], env: NodeJS.ProcessEnv): Promise<number> => {
  const child = spawn(program, args, { env, stdio: 'inherit' });
  // The terminal also sends Ctrl-C to the CLI, which decides how to react.
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  return code ?? 128 + constants.signals[signal ?? 'SIGKILL'];
};

const main = async (args: string[]): Promise<number> => {
  const { KEEPSAKE_DATA_DIR, TEMPORAL_CLI_PATH } = readLocalEnv();
  const dataDir = resolve(KEEPSAKE_DATA_DIR);
  const env = findServer(dataDir, process.env);
  if (env === undefined && needsServer(args)) {
    throw new Error(
      `There is no Temporal server: TEMPORAL_ADDRESS is not set, and Keepsake does not run here (${dataDir}/local.json does not exist). ` +
        'Start Keepsake with npm start, or set TEMPORAL_ADDRESS or KEEPSAKE_DATA_DIR.',
    );
  }
  const program = await findTemporalCli({
    cliFolders: cliFoldersOf(cliFolderIn(dataDir)),
    cliPath: TEMPORAL_CLI_PATH,
    searchPath: process.env['PATH'],
    // Standard output belongs to the CLI.
    log: console.error,
  });
  return runCli(program, args, env ?? process.env);
};

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}
