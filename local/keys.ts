import { parseArgs } from 'node:util';
import { z } from 'zod';
import { createApiKey, listApiKeys, revokeApiKey } from '../db/api-keys.ts';
import { KEY_ROLES } from '../db/schema.ts';
import { findWorkspace } from '../db/workspaces.ts';
import { nameSchema } from '../selection/names.ts';
import { parseValue } from '../selection/values.ts';
import { readKeyExpiry } from './key-expiry.ts';
import { printTable, runCommand, usageError, withDatabase } from './command-line.ts';

const USAGE = `Usage:
  npm run keys -- create --role admin --workspace <id> --name <name> --email <address> [--expires <when>]
  npm run keys -- create --role platform|ops --name <name> --email <address> [--expires <when>]
  npm run keys -- list
  npm run keys -- revoke <key id>

<when> is a date (2027-01-31: from 00:00 UTC on), a date and time (2027-01-31T18:00:00Z), or how long from now
(12h, 90d; at most 3650d). Without --expires, the key never expires.`;

const isMailAddress = (text: string): boolean =>
  text !== '' && 'value' in parseValue('email', text);

const newKeySchema = z
  .object({
    role: z.enum(KEY_ROLES),
    workspace: z.string().min(1).optional(),
    name: z.string().trim().pipe(nameSchema),
    email: z.string().refine(isMailAddress, 'must be an email address: name@example.com'),
    expires: z
      .string()
      .refine(
        (text) => readKeyExpiry(text) !== undefined,
        'must be a date, a date and time with its zone, or a number of h or d: 2027-01-31, 90d',
      )
      .optional(),
  })
  .refine(({ role, workspace }) => (role === 'admin') === (workspace !== undefined), {
    message: 'is required for the role admin, and not allowed for other roles',
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
  const { role, workspace = null, name, email, expires } = parsed.data;
  const end = expires === undefined ? undefined : readKeyExpiry(expires);
  const { id, key, expiresAt } = await withDatabase(async (db) => {
    if (workspace !== null && (await findWorkspace(db, workspace)) === undefined) {
      throw new Error(
        `There is no workspace "${workspace}". Create it with: npm run workspaces -- create ${workspace}`,
      );
    }
    return createApiKey(db, {
      role,
      workspaceId: workspace,
      ownerName: name,
      ownerEmail: email,
      ...(end !== undefined && { expires: end }),
    });
  });
  const until = expiresAt === null ? 'no expiry' : `until ${expiresAt.toISOString()}`;
  console.log(`Key ${id} for ${name} (${role}), ${until}. The key is shown only once:\n${key}`);
};

const HEAD = [
  'id',
  'shown as',
  'role',
  'workspace',
  'name',
  'email',
  'created',
  'expires',
  'last used',
  'revoked',
];

const formatTime = (at: Date | null): string => at?.toISOString() ?? '-';

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
    formatTime(key.expires_at),
    formatTime(key.last_used_at),
    formatTime(key.revoked_at),
  ]);
  printTable(HEAD, rows);
};

const revoke = async (id: string | undefined): Promise<void> => {
  if (!z.uuid().safeParse(id).success || id === undefined) {
    throw usageError('revoke requires the id of a key; "list" shows the ids');
  }
  const isRevoked = await withDatabase((db) => revokeApiKey(db, id));
  if (!isRevoked) throw new Error(`Key ${id} does not exist or was already revoked.`);
  console.log(`Key ${id} was revoked.`);
};

const text = { type: 'string' } as const;

await runCommand(USAGE, async () => {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { role: text, workspace: text, name: text, email: text, expires: text },
  });
  const [command, id, ...rest] = positionals;
  if (rest.length > 0) throw usageError(`unexpected arguments: ${rest.join(' ')}`);
  if (command !== 'create' && Object.keys(values).length > 0) {
    throw usageError('only "create" accepts options');
  }
  if (command === 'create' && id === undefined) await create(values);
  else if (command === 'list' && id === undefined) await list();
  else if (command === 'revoke') await revoke(id);
  else
    throw usageError(
      command === undefined ? 'a command is missing' : `unknown command: ${positionals.join(' ')}`,
    );
});
