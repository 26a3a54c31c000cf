import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { readJson, writePrivateJson } from '../data-folder.ts';
import { identify, isAlive, type ProcessIdentity } from './process-identity.ts';
import { sendSignal, SHUT_DOWN_POSTGRES, stopProcess, TERMINATE } from './stop-process.ts';

/**
 * A record on disk of the processes of one stack. Each is stored as soon as it starts, so that none
 * is lost even after SIGKILL.
 */
export interface ProcessRecord {
  /** Replaces the entry of `name`. */
  note: (name: string, pid: number) => void;
  clear: () => void;
}

const SERVERS = ['postgres', 'temporal'];

type Processes = Record<string, ProcessIdentity>;

/** The record's file in the data folder. */
export const PROCESS_RECORD = 'processes.json';

export const openProcessRecord = (dataDir: string): ProcessRecord => {
  const processes: Processes = {};
  return {
    note: (name, pid) => {
      const identity = identify(pid);
      if (identity === undefined) delete processes[name];
      else processes[name] = identity;
      writePrivateJson(pathIn(dataDir), processes);
    },
    clear: () => rmSync(pathIn(dataDir), { force: true }),
  };
};

/**
 * Stops the processes that a killed supervisor left running. A pid that now belongs to another
 * process is left alone.
 */
export const stopOrphans = async (dataDir: string, log: (line: string) => void): Promise<void> => {
  const living = Object.entries(readProcesses(dataDir)).filter(([, target]) => isAlive(target));
  const stop = async ([name, target]: [string, ProcessIdentity]) => {
    log(`Stopping ${name} (process ${target.pid}), which still runs after a killed start`);
    await stopProcess(name, target, name === 'postgres' ? SHUT_DOWN_POSTGRES : TERMINATE);
  };
  // Servers are stopped last: their clients end faster while servers are available.
  await Promise.all(living.filter(([name]) => !SERVERS.includes(name)).map(stop));
  await Promise.all(living.filter(([name]) => SERVERS.includes(name)).map(stop));
};

/** Kills every recorded process at once, without waiting: for a second Ctrl-C. */
export const killRecorded = (dataDir: string): void => {
  for (const [name, target] of Object.entries(readProcesses(dataDir))) {
    if (!isAlive(target)) continue;
    // PostgreSQL's children have their own groups. At SIGQUIT the server stops them.
    if (name === 'postgres') sendSignal(target.pid, 'SIGQUIT');
    else sendSignal(-target.pid, 'SIGKILL');
  }
};

const pathIn = (dataDir: string): string => join(dataDir, PROCESS_RECORD);

const readProcesses = (dataDir: string): Processes => {
  try {
    return (readJson(pathIn(dataDir)) ?? {}) as Processes;
  } catch {
    return {};
  }
};
