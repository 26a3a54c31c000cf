import { parseArgs } from 'node:util';
import { z } from 'zod';
import { createApiKey, listApiKeys, revokeApiKey } from '../db/api-keys.ts';
import { findWorkspace } from '../db/workspaces.ts';
import { nameSchema } from '../selection/names.ts';
import { parseValue } from '../selection/values.ts';
import { printTable, runCommand, usageError, withDatabase } from './command-line.ts';

const USAGE = `Usage:
  npm run keys -- create --role admin --workspace <id> --name <name> --email <address>
  npm run keys -- create --role platform|ops --name <name> --email <address>
  npm run keys -- list
  npm run keys -- revoke <key id>`;

const isMailAddress = (text: string): boolean =>
  text !== '' && 'value' in parseValue('email', text);

const newKeySchema = z
  .object({
    role: z.enum(['admin', 'platform', 'ops']),
    workspace: z.string().min(1).optional(),
    name: z.string().trim().pipe(nameSchema),
    email: z.string().refine(isMailAddress, 'must be a mail address: name@example.com'),
  })
  .refine(({ role, workspace }) => (role === 'admin') === (workspace !== undefined), {
    message: 'is for an admin, who belongs to one; the others belong to none',
    path: ['workspace'],
  });

const create = async (values: Record<string, string | undefined>): Promise<void> => {
  const parsed = newKeySchema.safeParse(values, {
    error: ({ input }) => (input === undefined ? 'is missing' : undefined),
  });
  if (!parsed.success) {
    const problems = parsed.error.issues.map(
      (issue) => `--${issue.path.join('.')} ${issue.message}`,
    );
    throw usageError(problems.join('\n'));
  }
  const { role, workspace = null, name, email } = parsed.data;
  const { id, key } = await withDatabase(async (db) => {
    if (workspace !== null && (await findWorkspace(db, workspace)) === undefined) {
      throw new Error(
        `There is no workspace "${workspace}". Make it with: npm run workspaces -- create ${workspace}`,
      );
    }
    return createApiKey(db, { role, workspaceId: workspace, ownerName: name, ownerEmail: email });
  });
  console.log(`Key ${id} for ${name} (${role}), shown this once:\n${key}`);
};

const list = async (): Promise<void> => {
  const keys = await withDatabase(listApiKeys);
  const rows = keys.map((key) => [
    key.id,
    key.shown_id,
    key.role,
    key.workspace_id ?? '-',
    key.owner_name,
    key.owner_email,
    key.created_at.toISOString(),
    key.revoked_at?.toISOString() ?? '-',
  ]);
  printTable(['id', 'shown as', 'role', 'workspace', 'name', 'email', 'created', 'revoked'], rows);
};

const revoke = async (id: string | undefined): Promise<void> => {
  if (!z.uuid().safeParse(id).success || id === undefined) {
    throw usageError('revoke needs the id of a key, as "list" shows it');
  }
  const isRevoked = await withDatabase((db) => revokeApiKey(db, id));
  if (!isRevoked) throw new Error(`There is no key ${id}, or it was revoked before.`);
  console.log(`Key ${id} is revoked.`);
};

const text = { type: 'string' } as const;

await runCommand(USAGE, async () => {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { role: text, workspace: text, name: text, email: text },
  });
  const [command, id, ...rest] = positionals;
  if (rest.length > 0) throw usageError(`too much: ${rest.join(' ')}`);
  if (command !== 'create' && Object.keys(values).length > 0) {
    throw usageError('only "create" takes options');
  }
  if (command === 'create' && id === undefined) await create(values);
  else if (command === 'list' && id === undefined) await list();
  else if (command === 'revoke') await revoke(id);
  else
    throw usageError(
      command === undefined ? 'a command is missing' : `unknown: ${positionals.join(' ')}`,
    );
});
