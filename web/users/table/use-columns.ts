import { useMemo, useState } from 'react';
import type { PropertyTypes } from '../../../selection/fields.ts';
import { allColumns, type Column, readFields, writeFields } from './columns.ts';

export interface UsedColumns {
  all: readonly Column[];
  shown: readonly Column[];
  /** The names of the shown columns. */
  fields: readonly string[];
  choose: (fields: readonly string[]) => void;
}

const NO_PROPERTIES: PropertyTypes = new Map();

/** The columns that this browser shows for a workspace. */
export const useColumns = (
  workspaceId: string,
  properties: PropertyTypes | undefined,
): UsedColumns => {
  const [fields, setFields] = useState(() => readFields(workspaceId, localStorage));
  const all = useMemo(() => allColumns(properties ?? NO_PROPERTIES), [properties]);
  const shown = useMemo(() => all.filter(({ field }) => fields.includes(field)), [all, fields]);
  return {
    all,
    shown,
    fields,
    choose: (next) => {
      writeFields(workspaceId, next, localStorage);
      setFields(next);
    },
  };
};
