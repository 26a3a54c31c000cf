import { parseArgs } from 'node:util';
import { createWorkspace, findWorkspace, listWorkspaces } from '../db/workspaces.ts';
import { nameSchema } from '../selection/names.ts';
import { printTable, runCommand, usageError, withDatabase } from './command-line.ts';

const USAGE = `Usage:
  npm run workspaces -- create <id> [--name <name>]
  npm run workspaces -- list

An id begins with a letter and has at most 40 characters of a-z, 0-9 and "-".`;

const ID = /^[a-z][a-z0-9-]{0,39}$/;

const create = async (id: string | undefined, name: string | undefined): Promise<void> => {
  if (id === undefined || !ID.test(id)) throw usageError(`"${id ?? ''}" is not a valid id`);
  const named = nameSchema.safeParse(name?.trim() ?? id);
  if (!named.success) throw usageError(`--name ${named.error.issues[0]?.message}`);
  await withDatabase(async (db) => {
    if ((await findWorkspace(db, id)) !== undefined) {
      throw new Error(`Workspace "${id}" already exists.`);
    }
    await createWorkspace(db, { id, name: named.data });
  });
  console.log(`Workspace ${id} was created.`);
};

const list = async (): Promise<void> => {
  const workspaces = await withDatabase(listWorkspaces);
  const rows = workspaces.map(({ id, name, created_at: at }) => [id, name, at.toISOString()]);
  printTable(['id', 'name', 'created'], rows);
};

await runCommand(USAGE, async () => {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { name: { type: 'string' } },
  });
  const [command, id, ...rest] = positionals;
  if (rest.length > 0) throw usageError(`unexpected arguments: ${rest.join(' ')}`);
  if (command === 'create') await create(id, values.name);
  else if (command === 'list' && id === undefined && values.name === undefined) await list();
  else
    throw usageError(
      command === undefined ? 'a command is missing' : `unknown command: ${positionals.join(' ')}`,
    );
});
