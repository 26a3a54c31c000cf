import { parseArgs } from 'node:util';
import { createWorkspace, findWorkspace, listWorkspaces } from '../db/workspaces.ts';
import { nameSchema } from '../selection/names.ts';
import { printTable, runCommand, usageError, withDatabase } from './command-line.ts';

const USAGE = `Usage:
  npm run workspaces -- create <id> [--name <name>]
  npm run workspaces -- list

An id begins with a letter and holds at most 40 of a-z, 0-9 and "-".`;

const ID = /^[a-z][a-z0-9-]{0,39}$/;

const create = async (id: string | undefined, name: string | undefined): Promise<void> => {
  if (id === undefined || !ID.test(id)) throw usageError(`"${id ?? ''}" cannot be an id`);
  const named = nameSchema.safeParse(name?.trim() ?? id);
  if (!named.success) throw usageError(`--name ${named.error.issues[0]?.message}`);
  await withDatabase(async (db) => {
    if ((await findWorkspace(db, id)) !== undefined) {
      throw new Error(`There is a workspace "${id}" already.`);
    }
    await createWorkspace(db, { id, name: named.data });
  });
  console.log(`Workspace ${id} is there.`);
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
  if (rest.length > 0) throw usageError(`too much: ${rest.join(' ')}`);
  if (command === 'create') await create(id, values.name);
  else if (command === 'list' && id === undefined && values.name === undefined) await list();
  else
    throw usageError(
      command === undefined ? 'a command is missing' : `unknown: ${positionals.join(' ')}`,
    );
});
