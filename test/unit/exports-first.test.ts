import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

/** A reader meets the function that a file is about first, and its helpers below it. */

const product = readdirSync('.', { encoding: 'utf8', recursive: true }).filter(
  (path) => /^(?!node_modules|test\/|\.).*\.ts$/.test(path) && !path.includes('node_modules/'),
);

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
    const statements = statementsOf(readFileSync(path, 'utf8'));
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
