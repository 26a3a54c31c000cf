import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';

/** Checks the rules of AGENTS.md for every file, so that nobody has to remember them. */

const folders = readdirSync('.', { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && !/^\.|^node_modules$/.test(entry.name))
  .map(({ name }) => name);
const files = ['.', ...folders]
  .flatMap((folder) =>
    readdirSync(folder, { encoding: 'utf8', recursive: folder !== '.' }).map((name) =>
      join(folder, name),
    ),
  )
  .filter((name) => /\.tsx?$/.test(name) && !name.endsWith('.d.ts'));
const sources = new Map(files.map((file) => [file, readFileSync(file, 'utf8')]));
const product = files.filter((file) => !/^(?:test\/|vitest\.)/.test(file));

const IMPORT = /(?:from|import)\s*\(?\s*'(\.[^']+)'/g;

const importsOf = (file: string): string[] =>
  [...(sources.get(file) ?? '').matchAll(IMPORT)]
    .map(([, path = '']) => join(dirname(file), path))
    .filter((path) => sources.has(path));

const SERVICE = ['.', 'db', 'files', 'imports', 'mail', 'rules', 'selection', 'storage'].concat(
  'temporal',
  'webhooks',
  'workflows',
);

/** The folders that each folder may import from, beside itself. `.` is the root. */
const MAY_IMPORT: Record<string, string[]> = {
  '.': ['db', 'selection'],
  workflows: [],
  selection: [],
  rules: ['selection', 'workflows'],
  storage: [],
  imports: ['rules', 'selection'],
  temporal: ['workflows'],
  webhooks: ['db', 'selection'],
  files: ['db', 'storage'],
  db: ['imports', 'rules', 'selection', 'workflows'],
  mail: ['db', 'files', 'imports', 'rules', 'workflows'],
  activities: SERVICE,
  api: SERVICE,
  worker: ['.', 'activities', 'db', 'storage', 'temporal', 'webhooks', 'workflows'],
  local: ['.', 'api', 'db', 'files', 'rules', 'selection', 'storage', 'temporal', 'workflows'],
  web: ['imports', 'rules', 'selection'],
  bench: ['.', 'activities', 'api', 'db', 'local', 'storage', 'workflows'],
};

const folderOf = (file: string): string => (file.includes('/') ? file.split('/')[0]! : '.');

test('folders import only from the folders that AGENTS.md allows', () => {
  const forbidden = product.flatMap((file) =>
    importsOf(file)
      .filter((path) => folderOf(path) !== folderOf(file))
      .filter((path) => !MAY_IMPORT[folderOf(file)]?.includes(folderOf(path)))
      .map(
        (path) => `${file} imports ${path}: move what it needs, or allow it here and in AGENTS.md`,
      ),
  );
  expect(forbidden).toEqual([]);
});

test('api/http imports nothing of Keepsake except its rules, the checks of texts, the storage and the root', () => {
  const known = ['api/http', 'rules', 'selection', 'storage', '.'];
  const foreign = product
    .filter((file) => file.startsWith('api/http/'))
    .flatMap((file) => importsOf(file).map((path) => ({ file, path })))
    .filter(
      ({ path }) => !known.includes(path.startsWith('api/') ? dirname(path) : folderOf(path)),
    );
  expect(foreign).toEqual([]);
});

test('no file imports itself through other files, not even for a type', () => {
  const done = new Set<string>();
  const circles: string[] = [];
  const visit = (file: string, way: string[]): void => {
    if (way.includes(file)) circles.push([...way.slice(way.indexOf(file)), file].join(' → '));
    if (done.has(file) || way.includes(file)) return;
    for (const path of importsOf(file)) visit(path, [...way, file]);
    done.add(file);
  };
  for (const file of product) visit(file, []);
  expect(circles).toEqual([]);
});

const MOST_COLUMNS = 100;
const IS_COMMENT = /^\s*(?:\/\*\*|\*|\/\/)/;

test('comments are no wider than 100 columns', () => {
  const wide = [...sources].flatMap(([file, text]) =>
    text
      .split('\n')
      .flatMap((line, index) =>
        line.length > MOST_COLUMNS && IS_COMMENT.test(line)
          ? [`${file}:${index + 1}: wrap it`]
          : [],
      ),
  );
  expect(wide).toEqual([]);
});

test('tests wait by test/support/wait.ts or expect.poll, with one patience for all', () => {
  const own = files
    .filter((file) => file !== 'test/support/wait.ts' && file !== 'test/unit/house.test.ts')
    .filter((file) => /\bvi\.wait(?:For|Until)\(/.test(sources.get(file) ?? ''));
  expect(own, 'vi.waitFor gives up after a second, which a busy machine needs').toEqual([]);
});

test('no test counts the lock waits of other files on the same server', () => {
  const own = files
    .filter((file) => file !== 'test/support/database/lock-waits.ts')
    .filter((file) => /NOT granted|wait_event_type/.test(sources.get(file) ?? ''))
    .filter((file) => file !== 'test/unit/house.test.ts');
  expect(own, 'use countLockWaits of test/support/database/lock-waits.ts').toEqual([]);
});

test('browser tests end a route by test/support/browser/routes.ts', () => {
  const own = files
    .filter((file) => file.startsWith('test/browser/'))
    .filter((file) => /\.unroute(?:All)?\(/.test(sources.get(file) ?? ''));
  expect(own, 'Chromium may lose a request when it stops to intercept').toEqual([]);
});

const MOST_FILES = 20;

test('a folder holds no more than 20 files', () => {
  const counts = new Map<string, number>();
  for (const file of files) counts.set(dirname(file), (counts.get(dirname(file)) ?? 0) + 1);
  const full = [...counts].filter(([, count]) => count > MOST_FILES);
  expect(full, 'group them by subject').toEqual([]);
});

interface Statement {
  text: string;
  isExported: boolean;
  /** The name of a function; undefined for every other statement. */
  functionName: string | undefined;
}

const FUNCTION =
  /^(export )?(?:async function\*?|function\*?|const) (\w+)(?: = (?:async )?(?:<.*>)?\(|[(<])/;

/** The statements at the top of a file. Formatted code starts each of them in the first column. */
const statementsOf = (source: string): Statement[] =>
  source
    .split(/\n(?=(?:export |async |const |function|interface |type |let |await ))/)
    .map((text) => {
      const [, exported, name = ''] = FUNCTION.exec(text) ?? [];
      const isArrow = !text.startsWith('const', exported?.length ?? 0) || /=>/.test(text);
      return {
        text,
        isExported: exported !== undefined,
        functionName: isArrow && name !== '' ? name : undefined,
      };
    });

const names = (text: string, name: string): boolean => new RegExp(`\\b${name}\\b`).test(text);

/** Functions that a constant of the file calls as it is made must stand above the constant. */
const neededAbove = (statements: Statement[]): Set<string> => {
  const functions = statements.filter(({ functionName }) => functionName !== undefined);
  const needed = new Set<string>();
  const visit = (text: string): void => {
    for (const { functionName = '', text: own } of functions) {
      if (needed.has(functionName) || !names(text, functionName)) continue;
      needed.add(functionName);
      visit(own);
    }
  };
  for (const { functionName, text } of statements) if (functionName === undefined) visit(text);
  return needed;
};

test('in each file, exported functions come before the helpers that they call', () => {
  const late = product.flatMap((path) => {
    const statements = statementsOf(sources.get(path) ?? '');
    const needed = neededAbove(statements);
    const free = statements.filter(
      ({ functionName }) => functionName !== undefined && !needed.has(functionName),
    );
    const firstHelper = free.findIndex(({ isExported }) => !isExported);
    return free
      .slice(firstHelper === -1 ? free.length : firstHelper)
      .filter(({ isExported }) => isExported)
      .map(({ functionName }) => `${path}: move ${functionName} above its helpers`);
  });
  expect(late).toEqual([]);
});
