import { isUnsettableByFile } from '../rules/changeable-properties.ts';
import { fieldNames, findField, type PropertyTypes } from '../selection/fields.ts';
import { createNameFinder, visibleName } from './column-names.ts';
import type { ColumnMapping } from './options.ts';

/**
 * The last column of an import's log, which states the error of each line. An import of the log
 * ignores it.
 */
export const LOG_COLUMN = 'error';

/**
 * Most columns that a mapping names: as many as there can be properties, and some that are left
 * out.
 */
export const MAX_MAPPED_COLUMNS = 400;

/** A fault of a column's entry in a mapping. `detail` continues a sentence after `name`. */
export interface MappingFault {
  /** The column's name, as it is shown. */
  name: string;
  detail: string;
  pointer: string;
  /** Index of the column in the file, from 0. */
  index?: number;
}

const OPTIONS = '/options/columns';

/** Most unmapped columns that are compared for a suggestion. */
const MAX_SUGGESTED_COLUMNS = 400;
/** Most faults for which a suggestion is searched. */
const MAX_COMPARED_FAULTS = 50;

type FindName = (name: string) => string | undefined;

export const isMapped = (name: string, mapping: ColumnMapping | undefined): boolean =>
  mapping !== undefined && Object.hasOwn(mapping, name);

/** The API's name of the property that a column is for; null if the column is left out. */
export const fieldOf = (name: string, mapping: ColumnMapping | undefined): string | null =>
  mapping !== undefined && Object.hasOwn(mapping, name) ? (mapping[name] ?? null) : name;

/**
 * The faults of a mapping, and if `names` is given, of the mapping for a file with these columns:
 * two columns for one property, unknown properties, missing columns.
 */
export const mappingFaults = (
  mapping: ColumnMapping,
  names: readonly string[] | undefined,
  types: PropertyTypes,
): MappingFault[] => {
  const faults: MappingFault[] = [];
  const entries = Object.entries(mapping);
  const others = (names ?? []).filter((name) => !isMapped(name, mapping));
  const findColumn = atMost(
    MAX_COMPARED_FAULTS,
    createNameFinder(others.slice(0, MAX_SUGGESTED_COLUMNS)),
  );
  const findProperty = atMost(MAX_COMPARED_FAULTS, createNameFinder(fieldNames(types)));
  const takers = new Map(others.map((name) => [name, name]));
  const places = placesOf(names ?? []);
  for (const [name, field] of entries) {
    const index = places.get(name) ?? -1;
    const add = (detail: string) => {
      const place = index === -1 ? {} : { index };
      faults.push({ name: visibleName(name), detail, pointer: pointerOf(name), ...place });
    };
    if (names !== undefined && index === -1) {
      const meant = findColumn(name);
      add(
        ' is not a column of the file' +
          (meant === undefined ? '' : `: did you mean ${visibleName(meant)}?`),
      );
    }
    if (field === null) continue;
    const why = whyNoField(field, types, findProperty);
    if (why !== undefined) add(why);
    const taker = takers.get(field);
    if (taker !== undefined)
      add(` maps to ${visibleName(field)}, and so does ${visibleName(taker)}; map only one column`);
    takers.set(field, name);
  }
  return faults;
};

/** The index of each name. The first one counts. */
const placesOf = (names: readonly string[]): ReadonlyMap<string, number> => {
  const places = new Map<string, number>();
  for (const [index, name] of names.entries()) if (!places.has(name)) places.set(name, index);
  return places;
};

/** Limits the number of searches, because each one compares all names. */
const atMost = (times: number, find: FindName): FindName => {
  let left = times;
  return (name) => (left-- > 0 ? find(name) : undefined);
};

const pointerOf = (name: string): string =>
  `${OPTIONS}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;

const whyNoField = (
  field: string,
  types: PropertyTypes,
  findMeant: FindName,
): string | undefined => {
  const shown = visibleName(field);
  // Without a mapping, an import ignores such columns of exports.
  if (isUnsettableByFile(field)) {
    return ` maps to ${shown}, which a file cannot set; map it to null`;
  }
  if (findField(field, types) !== undefined) return undefined;
  const meant = findMeant(field);
  return meant === undefined
    ? ` maps to ${shown}, which is not a known property`
    : ` maps to ${shown}: did you mean \`${meant}\`?`;
};
