import {
  fieldNames,
  findField,
  type PropertyTypes,
  type ValueKind,
} from '../../../selection/fields.ts';
import { nameOfProperty } from '../../format/property-names.ts';

/** A column of the table of users, beside the id, which is always there. */
export interface Column {
  /** The property, as in filters: `email`, `properties.plan`. */
  field: string;
  name: string;
  kind: ValueKind;
}

interface ColumnStorage {
  getItem: (name: string) => string | null;
  setItem: (name: string, value: string) => void;
}

const DEFAULT_FIELDS = ['email', 'firstName', 'lastName', 'country', 'createdAt'];

/** Stands beside the id, also in a narrow window. */
export const MAIL = 'email';

/** All columns that can be shown: the mail, then the others in the order of the API. */
export const allColumns = (properties: PropertyTypes): Column[] =>
  [MAIL, ...fieldNames(properties).filter((name) => name !== MAIL)].flatMap((field) => {
    const kind = findField(field, properties)?.kind;
    if (kind === undefined || field === 'userId') return [];
    return [{ field, kind, name: nameOfProperty(field) }];
  });

/**
 * The names of the chosen columns. They are kept for each workspace; a property that no longer
 * exists is left out.
 */
export const readFields = (workspaceId: string, storage: ColumnStorage): readonly string[] => {
  const names = parse(storage.getItem(storageName(workspaceId)));
  return names ?? DEFAULT_FIELDS;
};

export const writeFields = (
  workspaceId: string,
  fields: readonly string[],
  storage: ColumnStorage,
): void => storage.setItem(storageName(workspaceId), JSON.stringify(fields));

const storageName = (workspaceId: string): string => `keepsake-columns:${workspaceId}`;

const parse = (text: string | null): string[] | undefined => {
  if (text === null) return undefined;
  try {
    const names: unknown = JSON.parse(text);
    const isList = Array.isArray(names) && names.every((name) => typeof name === 'string');
    return isList ? names : undefined;
  } catch {
    return undefined;
  }
};
