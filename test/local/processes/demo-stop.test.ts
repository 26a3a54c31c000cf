import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { isAlive, type ProcessIdentity } from '../../../local/processes/process-identity.ts';
import { waitFor } from '../../support/wait.ts';

const START_DEADLINE_MS = 120_000;

let folder: string;
let demo: ChildProcess | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'keepsake-stop-'));
});

afterEach(async () => {
  if (demo?.exitCode === null && demo.signalCode === null) {
    demo.kill('SIGINT');
    await once(demo, 'close');
  }
  rmSync(folder, { recursive: true });
});

const demoFolders = () => readdirSync(folder).filter((name) => name.startsWith('keepsake-demo-'));

test(
  'a demo that is stopped while it adds users leaves no process and no folder',
  async () => {
    const started = spawn(process.execPath, ['--import', 'tsx', 'local/demo.ts'], {
      env: { ...process.env, TMPDIR: folder },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    demo = started;
    let said = '';
    for (const stream of [started.stdout, started.stderr]) {
      stream.on('data', (chunk: Buffer) => (said += String(chunk)));
    }
    const closed = once(demo, 'close');
    // In two waits, because its modules are translated anew: the folder of temporary files is new.
    await waitFor(() => expect(demoFolders()).toHaveLength(1), 50, START_DEADLINE_MS);
    await waitFor(() => expect(said).toMatch(/^Start PostgreSQL.* s$/m), 50, START_DEADLINE_MS);
    const [demoFolder = ''] = demoFolders();
    const record = readFileSync(join(folder, demoFolder, 'processes.json'), 'utf8');
    const processes = Object.values(JSON.parse(record) as Record<string, ProcessIdentity>);
    expect(processes.filter(isAlive).length).toBe(4);
    demo.kill('SIGINT');
    expect(await closed).toEqual([1, null]);
    expect(said).toMatch(/The demo failed: the demo was stopped$/m);
    expect(processes.filter(isAlive)).toEqual([]);
    expect(demoFolders()).toEqual([]);
  },
  3 * START_DEADLINE_MS,
);
