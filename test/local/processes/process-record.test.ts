import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readJson, writePrivateJson } from '../../../local/data-folder.ts';
import { identify, type ProcessIdentity } from '../../../local/processes/process-identity.ts';
import {
  killRecorded,
  openProcessRecord,
  stopOrphans,
} from '../../../local/processes/process-record.ts';
import { waitForEnd } from '../../../local/processes/stop-process.ts';
import { PATIENCE_MS } from '../../support/patience.ts';

let folder: string;
let sleeper: ChildProcess;
let identity: ProcessIdentity;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'keepsake-record-'));
  const script = 'setInterval(() => {}, 1000)';
  sleeper = spawn(process.execPath, ['-e', script], { detached: true, stdio: 'ignore' });
  identity = identify(sleeper.pid ?? 0)!;
  openProcessRecord(folder).note('worker', identity.pid);
});

afterEach(() => {
  sleeper.kill('SIGKILL');
  rmSync(folder, { recursive: true });
});

test('processes of a killed start are stopped', async () => {
  const lines: string[] = [];
  await stopOrphans(folder, (line) => lines.push(line));
  expect(identify(identity.pid)).toBeUndefined();
  expect(lines).toEqual([expect.stringContaining(`worker (process ${identity.pid})`)]);
});

test('another process with the same id is not stopped', async () => {
  const path = join(folder, 'processes.json');
  expect(readJson(path)).toEqual({ worker: identity });
  writePrivateJson(path, { worker: { ...identity, startedAt: 'another boot/7' } });
  await stopOrphans(folder, () => {});
  killRecorded(folder);
  expect(identify(identity.pid)).toEqual(identity);
});

test('a forced end stops the recorded processes', async () => {
  killRecorded(folder);
  expect(await waitForEnd(identity, PATIENCE_MS)).toBe(true);
});
