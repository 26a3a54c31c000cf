import { spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time.js';
import proto from '@temporalio/proto';
import { SEARCH_ATTRIBUTES } from '../../workflows/contracts/search-attributes.ts';
import { followLogFile, openLogFile } from '../processes/log-file.ts';
import { assertPortFree, freePorts, withPortRetry } from '../ports.ts';
import { KILL, TERMINATE } from '../processes/stop-process.ts';
import { supervise, type Supervised } from '../processes/supervise.ts';
import {
  findTemporalCli,
  type TemporalCliOptions,
  withoutTemporalSettings,
} from './temporal-cli.ts';
import { waitUntilReady } from '../processes/wait-until-ready.ts';

const HOST = '127.0.0.1';
const NAMESPACE = 'default';
/** The dev server's default is 24 hours. A delete-all request alone may take 17 days. */
const RETENTION = '30 days';
const READY_DEADLINE_MS = 30_000;
const CALL_DEADLINE_MS = 2_000;

const { SERVING } = proto.grpc.health.v1.HealthCheckResponse.ServingStatus;

export interface TemporalOptions extends TemporalCliOptions {
  dataDir: string;
  /** The values of TEMPORAL_PORT and TEMPORAL_UI_PORT; 0 for a free port. */
  port: number;
  uiPort: number;
  /** Runs without the Web UI. */
  headless?: boolean | undefined;
  /** Stops without waiting, because the data will be removed. */
  isThrowaway?: boolean | undefined;
  /** The environment of the server; variables that configure Temporal are left out. */
  env: NodeJS.ProcessEnv;
  onStart?: (pid: number) => void;
  onRestart?: (pid: number) => void;
}

/** A running dev server. It is restarted on the same data if it ends unexpectedly. */
export interface Temporal {
  address: string;
  /** Undefined when headless. */
  uiUrl: string | undefined;
  pid: () => number | undefined;
  stop: () => Promise<void>;
}

/**
 * Starts Temporal's dev server with its data in the data folder. The server opens its ports itself,
 * including internal ones that it chooses. If a port was taken in the meantime, the start is
 * repeated.
 */
export const startTemporal = async (options: TemporalOptions): Promise<Temporal> => {
  const program = await findTemporalCli(options);
  return withPortRetry(async () =>
    startServer(program, { ...options, ...(await choosePorts(options)) }),
  );
};

const startServer = async (program: string, options: TemporalOptions): Promise<Temporal> => {
  const { dataDir, port, uiPort, headless, signal } = options;
  const logFile = join(dataDir, 'logs', 'temporal.log');
  const address = `${HOST}:${port}`;
  const newLog = followLogFile(logFile);
  // Another Temporal server may answer on this port. Ours logs this line once it has the port.
  const listening = new RegExp(String.raw`Server:\s+\S+:${port}\s`);
  const server = superviseServer(program, logFile, options);
  try {
    await waitUntilReady({
      name: 'Temporal',
      isReady: async () => listening.test(newLog()) && (await openNamespace(address)),
      deadlineMs: READY_DEADLINE_MS,
      processes: [{ process: server, logFile, newLog }],
      signal,
    });
  } catch (error) {
    await server.stop();
    throw error;
  }
  const uiUrl = headless === true ? undefined : `http://${HOST}:${uiPort}`;
  return { address, uiUrl, pid: server.pid, stop: server.stop };
};

const superviseServer = (program: string, logFile: string, options: TemporalOptions): Supervised =>
  supervise({
    name: 'temporal',
    spawn: () => {
      const log = openLogFile(logFile);
      const child = spawn(program, flagsOf(options), {
        cwd: options.dataDir,
        env: withoutTemporalSettings(options.env),
        detached: true,
        stdio: ['ignore', log, log],
      });
      closeSync(log);
      return child;
    },
    stopSteps: options.isThrowaway === true ? KILL : TERMINATE,
    onStart: options.onStart,
    onRestart: options.onRestart,
    log: options.log ?? (() => {}),
  });

const flagsOf = ({ dataDir, port, uiPort, headless }: TemporalOptions): string[] => [
  'server',
  'start-dev',
  `--ip=${HOST}`,
  `--port=${port}`,
  `--db-filename=${join(dataDir, 'temporal.db')}`,
  '--log-level=warn',
  ...(headless === true ? ['--headless'] : [`--ui-port=${uiPort}`]),
  // The UI would fetch news from a server on the Internet.
  '--ui-disable-news-fetch',
  // Measured: a step in a workflow takes 19 ms instead of 50 ms.
  '--dynamic-config-value=history.transferProcessorMaxPollRPS=2000',
  ...Object.entries(SEARCH_ATTRIBUTES).map(
    ([name, type]) => `--search-attribute=${name}=${toCliType(type)}`,
  ),
  // Ignores settings for other servers.
  '--disable-config-file',
  '--disable-config-env',
];

/** Turns the API's `KEYWORD_LIST` into the CLI's `KeywordList`. */
const toCliType = (type: string): string =>
  type.toLowerCase().replaceAll(/(?:^|_)(\w)/g, (_, letter: string) => letter.toUpperCase());

/** Sets the retention of closed histories. Returns true when the server answers. */
const openNamespace = async (address: string): Promise<boolean> => {
  const connection = await Connection.connect({ address, connectTimeout: CALL_DEADLINE_MS });
  try {
    await connection.withDeadline(Date.now() + CALL_DEADLINE_MS, async () => {
      const health = await connection.healthService.check({});
      if (health.status !== SERVING) throw new Error(`its health is ${health.status}`);
      await connection.workflowService.updateNamespace({
        namespace: NAMESPACE,
        config: { workflowExecutionRetentionTtl: msToTs(RETENTION) },
      });
    });
    return true;
  } finally {
    await connection.close();
  }
};

const choosePorts = async (options: TemporalOptions) => {
  const { port, uiPort, headless } = options;
  if (port !== 0) await assertPortFree('Temporal', 'TEMPORAL_PORT', port);
  if (uiPort !== 0 && headless !== true) {
    await assertPortFree("Temporal's Web UI", 'TEMPORAL_UI_PORT', uiPort);
  }
  const [freePort = 0, freeUiPort = 0] = await freePorts(2);
  return { port: port || freePort, uiPort: uiPort || freeUiPort };
};
