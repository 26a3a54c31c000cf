type Schemas = Record<string, unknown>;

const PREFIX = '#/components/schemas/';
const OF_REQUESTS = 'Input';

/** The first example of a schema, also of a referenced schema. */
export const exampleOf = (schema: unknown, schemas: Schemas): unknown => {
  if (!isObject(schema)) return undefined;
  const [name] = refsIn({ $ref: schema['$ref'] });
  if (name !== undefined) return exampleOf(schemas[name], schemas);
  const examples = schema['examples'];
  return Array.isArray(examples) ? (examples[0] as unknown) : undefined;
};

/**
 * The library creates each named schema twice: as `…Input` for requests, and for responses. Keeps
 * one schema if both are equal or only one is used, and removes unused schemas.
 */
export const joinSchemas = <Paths>(
  paths: Paths,
  schemas: Schemas,
): { paths: Paths; schemas: Schemas } => {
  const same = sameAsAnswers(schemas);
  const used = reachableFrom(refsIn(paths), schemas);
  const nameOf = (name: string): string => {
    const isForAll = same.has(name) || !used.has(baseOf(name));
    return isForAll ? baseOf(name) : name;
  };
  const kept = [...used].map((name) => [nameOf(name), renamed(schemas[name], nameOf)] as const);
  const byName = kept.toSorted(([a], [b]) => (a < b ? -1 : 1));
  return { paths: renamed(paths, nameOf) as Paths, schemas: Object.fromEntries(byName) };
};

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null;

const refsIn = (value: unknown): string[] => {
  if (!isObject(value)) return [];
  const own = value['$ref'];
  const name = typeof own === 'string' && own.startsWith(PREFIX) ? [own.slice(PREFIX.length)] : [];
  return [...name, ...Object.values(value).flatMap(refsIn)];
};

/**
 * Names of request schemas that are equal to the response schema, including the schemas that they
 * refer to.
 */
const sameAsAnswers = (schemas: Schemas): Set<string> => {
  const textOf = (name: string) => JSON.stringify(renamed(schemas[name], baseOf));
  const same = new Set(
    Object.keys(schemas).filter(
      (name) => baseOf(name) !== name && textOf(name) === textOf(baseOf(name)),
    ),
  );
  const isMixed = (name: string) =>
    refsIn(schemas[name]).some((used) => baseOf(used) !== used && !same.has(used));
  for (let mixed = [...same].filter(isMixed); mixed.length > 0; mixed = [...same].filter(isMixed)) {
    for (const name of mixed) same.delete(name);
  }
  return same;
};

/** A copy with every reference to a schema renamed. */
const renamed = (value: unknown, nameOf: (name: string) => string): unknown => {
  if (Array.isArray(value)) return value.map((item) => renamed(item, nameOf));
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) =>
      key === '$ref' && typeof inner === 'string' && inner.startsWith(PREFIX)
        ? [key, PREFIX + nameOf(inner.slice(PREFIX.length))]
        : [key, renamed(inner, nameOf)],
    ),
  );
};

const baseOf = (name: string): string =>
  name.endsWith(OF_REQUESTS) ? name.slice(0, -OF_REQUESTS.length) : name;

const reachableFrom = (roots: readonly string[], schemas: Schemas): Set<string> => {
  const reached = new Set<string>();
  const open = [...roots];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (reached.has(name)) continue;
    reached.add(name);
    open.push(...refsIn(schemas[name]));
  }
  return reached;
};
