import { buffer } from 'node:stream/consumers';
import { createApiKey } from '../../../db/api-keys.ts';
import { getExport } from '../../../db/exports/exports.ts';
import { createProperty } from '../../../db/users/properties.ts';
import type { ExportOptions } from '../../../db/schema.ts';
import { createWorkspace } from '../../../db/workspaces.ts';
import { SYSTEM_FIELDS } from '../../../selection/fields.ts';
import { PROPERTY_TYPES } from '../../../selection/property-types.ts';
import { openExport } from '../../../files/open-export.ts';
import type { TestDatabase } from '../database/database.ts';
import { startExport, type DeletionSteps, type SeededWorkspace } from './deletion.ts';
import { onlyMemberOf } from './only-member.ts';

export const SYSTEM_NAMES = SYSTEM_FIELDS.map(({ name }) => name);

/** A workspace without users, with a custom property of each type, named after the type. */
export const seedTypedWorkspace = async ({ owner }: TestDatabase, id: string) => {
  await createWorkspace(owner.db, { id, name: id });
  const person = { role: 'admin', ownerName: 'Ada', ownerEmail: 'ada@example.com' } as const;
  const { id: keyId } = await createApiKey(owner.db, { ...person, workspaceId: id });
  for (const type of PROPERTY_TYPES) {
    await createProperty(owner.db, { workspaceId: id, name: type, type });
  }
  return { workspaceId: id, keyId };
};

interface ExportedUsers {
  id: string;
  rows: number;
  bytes: Buffer;
  text: string;
}

export const TYPED_NAMES = PROPERTY_TYPES.map((type) => `properties.${type}`).toSorted();

/** Starts an export of all users, by default with all columns of a typed workspace. */
export const startExportOfUsers = (
  database: TestDatabase,
  workspace: SeededWorkspace,
  wanted: Partial<ExportOptions> = {},
): Promise<string> => {
  const columns = [...SYSTEM_NAMES, ...TYPED_NAMES];
  return startExport(database, workspace, { compression: 'none', columns, ...wanted });
};

/** Writes and verifies an export of all users. Returns its row, its bytes and its text. */
export const exportUsers = async (
  database: TestDatabase,
  steps: DeletionSteps,
  workspace: SeededWorkspace,
  wanted: Partial<ExportOptions> = {},
): Promise<ExportedUsers> => {
  const id = await startExportOfUsers(database, workspace, wanted);
  return writeExport(database, steps, id);
};

/** Writes and verifies an export that was started. */
export const writeExport = async (
  database: TestDatabase,
  steps: DeletionSteps,
  id: string,
): Promise<ExportedUsers> => {
  await steps.write(id);
  const { rows } = await steps.verify(id);
  const row = await getExport(database.app.db, id);
  const file = { ...row, attempt: row.attempt ?? 0, bytes: row.bytes ?? -1 };
  const deps = { db: database.app.db, storage: steps.deps.storage };
  const bytes = await buffer(await openExport(deps, file));
  const text = row.compression === 'gzip' ? onlyMemberOf(bytes) : bytes;
  return { id, rows, bytes, text: text.toString('utf8') };
};
