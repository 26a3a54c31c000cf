import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { findCli } from './temporal-programs.ts';

const OPERATIONS = resolve('docs/operations.md');

/** The only line of docs/operations.md with this beginning, as an operator would copy the line. */
export const documented = (beginning: string): string => {
  const lines = readFileSync(OPERATIONS, 'utf8').split('\n');
  const found = lines.filter((line) => line.startsWith(beginning));
  if (found.length !== 1) throw new Error(`docs/operations.md has ${found.length} × ${beginning}`);
  return found[0]!;
};

/** Runs a line in a shell with the real `temporal` on its PATH, against the given server. */
export const createShell = async (address: string) => {
  const searchPath = process.env['PATH'] ?? '';
  const program = await findCli();
  const bin = mkdtempSync(join(tmpdir(), 'keepsake-bin-'));
  symlinkSync(program, join(bin, 'temporal'));
  const env = {
    PATH: `${bin}${delimiter}${searchPath}`,
    HOME: bin,
    TEMPORAL_ADDRESS: address,
  };
  /** Returns the output. @throws Error when the command fails */
  return async (line: string, values: Record<string, string> = {}): Promise<string> => {
    const filled = Object.entries(values).reduce(
      (text, [name, value]) => text.replaceAll(`<${name}>`, value),
      line,
    );
    const { stdout } = await promisify(execFile)('bash', ['-c', filled], { env });
    return stdout;
  };
};
