import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { expect } from 'vitest';
import { freePorts, withPortRetry } from '../../../local/ports.ts';
import { findServerUser, isRoot } from '../../../local/postgres/server-user.ts';
import { waitFor } from '../wait.ts';

export const hasPgbouncer = spawnSync('pgbouncer', ['--version']).status === 0;

interface PgbouncerOptions {
  mode: 'session' | 'transaction';
  /** Names of settings that PgBouncer ignores at a client's start, separated by commas. */
  ignores?: string;
}

/**
 * Starts a real PgBouncer before a database. PgBouncer opens its port itself, so several attempts
 * may be needed.
 */
export const startPgbouncer = (databaseUrl: string, options: PgbouncerOptions) =>
  withPortRetry(() => startOnce(databaseUrl, options));

/** @throws Error with code EADDRINUSE when the process ends before it answers */
const startOnce = async (
  databaseUrl: string,
  { mode, ignores }: PgbouncerOptions,
): Promise<{ url: string; stop: () => Promise<void> }> => {
  const url = new URL(databaseUrl);
  const { hostname, port, username } = url;
  const password = url.password === '' ? '' : ` password=${decodeURIComponent(url.password)}`;
  const folder = mkdtempSync(join(tmpdir(), 'keepsake-pgbouncer-'));
  // PgBouncer refuses to run as root, as PostgreSQL does.
  const user = isRoot() ? findServerUser() : undefined;
  if (user !== undefined) chownSync(folder, user.uid, user.gid);
  chmodSync(folder, 0o755);
  url.port = String((await freePorts(1))[0]);
  const lines = [
    '[databases]',
    `* = host=${hostname} port=${port} user=${username}${password}`,
    '[pgbouncer]',
    'listen_addr = 127.0.0.1',
    `listen_port = ${url.port}`,
    'unix_socket_dir =',
    'auth_type = any',
    `pool_mode = ${mode}`,
    ...(ignores === undefined ? [] : [`ignore_startup_parameters = ${ignores}`]),
  ];
  const file = join(folder, 'pgbouncer.ini');
  writeFileSync(file, `${lines.join('\n')}\n`);
  const process = spawn('pgbouncer', ['-q', file], {
    stdio: 'ignore',
    ...(user !== undefined && { uid: user.uid, gid: user.gid }),
  });
  const stop = async (): Promise<void> => {
    const ended = once(process, 'exit');
    if (process.kill('SIGKILL')) await ended;
    rmSync(folder, { recursive: true });
  };
  const isReady = async (): Promise<void> => {
    const client = new Client({ connectionString: url.href });
    await client.connect();
    expect((await client.query('SELECT 1')).rowCount).toBe(1);
    await client.end();
  };
  try {
    await waitFor(isReady);
    return { url: url.href, stop };
  } catch (error) {
    const hasEnded = process.exitCode !== null;
    await stop();
    throw hasEnded ? Object.assign(new Error('pgbouncer ended'), { code: 'EADDRINUSE' }) : error;
  }
};
