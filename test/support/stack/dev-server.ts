import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { Client, Connection } from '@temporalio/client';
import { freePorts, withPortRetry } from '../../../local/ports.ts';
import { findCli } from './temporal-programs.ts';

const READY_ATTEMPTS = 60;

export interface DevServer {
  address: string;
  client: Client;
  /**
   * Runs a command of Temporal's CLI against the server. @throws Error with the command's output
   */
  cli: (...args: string[]) => Promise<void>;
  stop: () => Promise<void>;
}

/**
 * Runs a command of Temporal's CLI against a server.
 *
 * @throws Error with the command's output
 */
export const runTemporal = async (address: string, args: string[]): Promise<void> =>
  run(await findCli(), [...args, `--address=${address}`]);

/**
 * Temporal's dev server, in memory, with the test's own flags and none of Keepsake's. It opens its
 * port itself, so several attempts may be needed.
 */
export const startDevServer = (...flags: string[]): Promise<DevServer> =>
  withPortRetry(() => startOnce(flags));

/** @throws Error with code EADDRINUSE when the process ends before it answers */
const startOnce = async (flags: string[]): Promise<DevServer> => {
  const program = await findCli();
  const [port = 0] = await freePorts(1);
  const address = `127.0.0.1:${port}`;
  const own = ['--headless', '--ip=127.0.0.1', `--port=${port}`, '--log-level=error'];
  const server = spawn(program, ['server', 'start-dev', ...own, ...flags], { stdio: 'ignore' });
  const connection = await connect(address, server);
  return {
    address,
    client: new Client({ connection }),
    cli: (...args) => runTemporal(address, args),
    stop: async () => {
      await connection.close();
      server.kill('SIGTERM');
      if (server.exitCode === null) await once(server, 'exit');
    },
  };
};

const run = async (program: string, args: string[]): Promise<void> => {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
  }
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`temporal ${args.join(' ')}: ${said}`);
};

const connect = async (address: string, server: ChildProcess): Promise<Connection> => {
  for (let attempt = 1; ; attempt++) {
    try {
      const connection = await Connection.connect({ address, connectTimeout: 1_000 });
      if (server.exitCode === null) return connection;
      // Another server has answered, which had taken the port.
      await connection.close();
    } catch (error) {
      if (attempt === READY_ATTEMPTS) {
        server.kill('SIGKILL');
        throw error;
      }
    }
    if (server.exitCode !== null) {
      throw Object.assign(new Error('the dev server ended'), { code: 'EADDRINUSE' });
    }
  }
};
