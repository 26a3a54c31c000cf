import { apiNameOf } from '../../db/users/column-names.ts';
import { findAttemptColumns, listParts, type ExportRow } from '../../db/exports/exports.ts';
import type { MatchedColumn } from '../../db/restores/restore-statements.ts';
import { changedTypeOf } from '../../db/restores/changed-type.ts';
import type { NamedParts, StoredColumn } from '../../db/column-types.ts';
import type { UserColumn } from '../../db/users/user-columns.ts';
import { readHeaderNames } from '../../files/read-records.ts';
import type { ActivityDeps } from '../deps.ts';
import { failures } from '../failures.ts';
import { recheckPart } from '../exports/verify-part.ts';

/**
 * The columns of a backup's file, in its order. Early backups did not store them, so only the names
 * in the header are known.
 */
export type BackupColumns =
  | { naming: 'stored'; columns: readonly StoredColumn[] }
  | { naming: 'api'; names: readonly string[] };

/**
 * The columns are stored with the attempt, so that no single file decides about the whole backup.
 * For an early backup they are read from the header file.
 *
 * @throws backupDamaged when that header file is not as it was written
 */
export const findBackupColumns = async (
  { database: { db }, storage }: Pick<ActivityDeps, 'database' | 'storage'>,
  backup: ExportRow,
  signal: AbortSignal,
): Promise<BackupColumns> => {
  const kept = await findAttemptColumns(db, backup);
  if (kept?.columns != null) return { naming: 'stored', columns: kept.columns };
  const [header] = await listParts(db, backup);
  if (header === undefined) throw failures.exportUnknown(backup.id);
  // If the names in a damaged header had another order, values would go to the wrong columns.
  await recheckPart(storage, header, signal);
  return { naming: 'api', names: await readHeaderNames(storage, header) };
};

/** The index of the user id in each record. @throws exportUnknown when there is none */
export const userIdColumnOf = (exportId: string, kept: BackupColumns): number => {
  const index = indexIn(kept, 'user_id');
  if (index < 0) throw failures.exportUnknown(exportId);
  return index;
};

/**
 * The index of the email address in each record. Undefined if users had none when the backup was
 * made.
 */
export const emailColumnOf = (kept: BackupColumns): number | undefined => {
  const index = indexIn(kept, 'email');
  return index < 0 ? undefined : index;
};

/**
 * The column of today's table for each column of a backup. Undefined for a column that PostgreSQL
 * computed then, if it computes the column now or the column no longer exists. A rehearsal also
 * compares computed columns, because the expression cannot have changed yet.
 *
 * @throws columnGone naming the first column that was dropped or renamed since; typeChanged
 */
export const matchColumns = (
  exportId: string,
  kept: BackupColumns,
  columns: readonly UserColumn[],
  isRehearsal: boolean,
): MatchedColumn[] => {
  if (kept.naming === 'api') return matchByApiName(exportId, kept.names, columns);
  const byName = new Map(columns.map((column) => [column.name, column]));
  const byId = new Map(columns.map((column) => [column.id, column]));
  return kept.columns.map((then) => {
    const { id, name, type, isGenerated } = then;
    // Another column may have its name now.
    const isRenamed = byId.has(id) && byId.get(id)?.name !== name;
    const column = isRenamed ? undefined : byName.get(name);
    const isComputed = isGenerated && (column === undefined || column.isGenerated);
    if (isComputed && !isRehearsal) return undefined;
    if (column === undefined) throw failures.columnGone(exportId, name);
    const redefined = findRedefined(then, column);
    if (redefined !== undefined) throw failures.typeChanged(exportId, name, redefined);
    const isSameType = column.type === type;
    return { ...column, isSameType, ...(!isSameType && changedTypeOf(type, column.type)) };
  });
};

const indexIn = (kept: BackupColumns, column: string): number =>
  kept.naming === 'stored'
    ? kept.columns.findIndex(({ name }) => name === column)
    : kept.names.indexOf(apiNameOf(column));

/**
 * Two columns may have the same API name. The order of columns, which never changes, keeps them
 * apart.
 */
const matchByApiName = (
  exportId: string,
  names: readonly string[],
  columns: readonly UserColumn[],
): MatchedColumn[] => {
  let next = 0;
  return names.map((name) => {
    const at = columns.findIndex(
      (column, index) => index >= next && apiNameOf(column.name) === name,
    );
    const column = columns[at];
    if (column === undefined) throw failures.columnGone(exportId, name);
    next = at + 1;
    return column.isGenerated ? undefined : { ...column, isSameType: false };
  });
};

/** The first redefined type of a column. */
const findRedefined = (then: StoredColumn, now: StoredColumn): string | undefined =>
  then.parts?.find((part) =>
    now.parts?.some(
      (other) =>
        other.type === part.type && other.isEnum === part.isEnum && isRedefined(part, other),
    ),
  )?.type;

/**
 * Whether values of a type may have another meaning now although their text fits. A composite then
 * has as many attributes, but others; the labels of an enum have changed their order, as they do
 * when two are exchanged by renaming. If the number of attributes or a label does not fit,
 * PostgreSQL refuses the value, and the restore reports its user.
 */
const isRedefined = (then: NamedParts, now: NamedParts): boolean =>
  then.isEnum
    ? !areEqual(common(now.names, then.names), common(then.names, now.names))
    : then.names.length === now.names.length && !areEqual(then.names, now.names);

const areEqual = (one: readonly string[], other: readonly string[]): boolean =>
  one.length === other.length && one.every((name, index) => name === other[index]);

/** The names in `now` that are also in `then`, in the order of `now`. */
const common = (then: readonly string[], now: readonly string[]): string[] =>
  now.filter((name) => then.includes(name));
