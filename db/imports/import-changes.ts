import { escapeLiteral } from 'pg';
import type { ImportMode, MatchKey } from '../../imports/options.ts';
import { CHANGEABLE_COLUMNS } from '../../rules/changeable-properties.ts';

/** How an import changes users, and which columns and custom properties its file holds. */
export interface ImportTarget {
  workspaceId: string;
  /** Replaces the partition of the users, for a dry run. */
  table?: string;
  mode: ImportMode;
  mergeTags: boolean;
  matchBy: MatchKey;
  /** Whether a row may leave values of its columns unchanged. Such a row names these columns. */
  canKeep: boolean;
  /** Column names of the database, without the columns that identify the user. */
  columns: readonly string[];
  properties: readonly string[];
  /**
   * Columns and custom properties of which a value may become unknown. Only these are checked for
   * cleared values.
   */
  emptied: { columns: readonly string[]; properties: readonly string[] | 'all' };
}

/** The tags of the user `o`, followed by the new tags of the line `s`. */
export const JOINED_TAGS = `CASE WHEN s.tags IS NULL THEN o.tags ELSE o.tags || ARRAY(
  SELECT tag FROM unnest(s.tags) WITH ORDINALITY AS given (tag, place)
   WHERE o.tags IS NULL OR tag <> ALL (o.tags) ORDER BY place) END`;

/** Whether a row leaves the custom property `key` unchanged. */
const KEEPS_KEY = `('properties.' || key = ANY (s.kept)) IS TRUE`;

/** Whether tags of a line are added to those of its user. */
export const mergesTags = ({
  columns,
  mergeTags,
}: Pick<ImportTarget, 'columns' | 'mergeTags'>): boolean => mergeTags && columns.includes('tags');

/** Whether a line without an existing user creates one. */
export const makesUsers = ({ mode, matchBy }: Pick<ImportTarget, 'mode' | 'matchBy'>): boolean =>
  mode !== 'updateOnly' && matchBy !== 'email';

export const newColumn = (target: ImportTarget, column: string): string => {
  if (!target.columns.includes(column)) return 'NULL';
  if (column === 'tags' && mergesTags(target)) return JOINED_TAGS;
  return target.canKeep
    ? `CASE WHEN ${escapeLiteral(column)} = ANY (s.kept) THEN o.${column} ELSE s.${column} END`
    : `s.${column}`;
};

/** The expression of the index on email addresses. */
export const folded = (mail: string): string => `lower(${mail}) COLLATE "C"`;

/**
 * Values of a user `o`, in the form of a line's values: the columns that lines may leave unchanged
 * or add to.
 */
export const stateOf = (target: ImportTarget): string => {
  const names = target.canKeep ? target.columns : target.columns.filter((name) => name === 'tags');
  const columns = `jsonb_build_object(${names.map((name) => `'${name}', o.${name}`).join(', ')})`;
  return `${columns} AS columns, ${target.canKeep ? 'o.properties' : `'{}'::jsonb`} AS properties`;
};

/**
 * The new values of an existing user `o`, by column. If users are found by email address, the
 * address is not changed.
 */
export const changesOf = (target: ImportTarget): [column: string, value: string][] => {
  const { mode, matchBy, columns, properties } = target;
  if (mode === 'insert') return [];
  const all = CHANGEABLE_COLUMNS.filter((column) => matchBy !== 'email' || column !== 'email');
  const names = mode === 'replace' ? all : columns;
  const changes = names.map((column): [string, string] => [column, newColumn(target, column)]);
  if (mode === 'replace' || properties.length > 0) {
    changes.push(['properties', newProperties(target)]);
  }
  return changes;
};

/** Custom properties that a user `o` has and that a row clears. */
export const goneKeys = ({ canKeep, emptied: { properties } }: ImportTarget): string => {
  const isKept = canKeep ? KEEPS_KEY : 'false';
  if (properties !== 'all' && properties.length === 0) return `'{}'::text[]`;
  const isGiven = properties === 'all' ? 'true' : `key = ANY (${arrayOf(properties)})`;
  const hasAny =
    properties === 'all' ? `o.properties <> '{}'` : `o.properties ?| ${arrayOf(properties)}`;
  return `CASE WHEN ${hasAny} THEN ARRAY(SELECT key FROM jsonb_object_keys(o.properties) AS key
      WHERE ${isGiven} AND NOT s.properties ? key AND NOT ${isKept}) ELSE '{}' END`;
};

const newProperties = ({ mode, canKeep, properties }: ImportTarget): string => {
  const given = arrayOf(properties);
  if (mode === 'replace') {
    return canKeep
      ? `coalesce((SELECT jsonb_object_agg(key, value) FROM jsonb_each(o.properties) WHERE ${KEEPS_KEY}), '{}')
          || s.properties`
      : 's.properties';
  }
  const gone = canKeep
    ? `ARRAY(SELECT key FROM unnest(${given}) AS key WHERE NOT ${KEEPS_KEY})`
    : given;
  return `(o.properties - ${gone}) || s.properties`;
};

const arrayOf = (names: readonly string[]): string =>
  `${escapeLiteral(`{${names.map((name) => `"${name}"`).join()}}`)}::text[]`;
