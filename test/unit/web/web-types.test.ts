import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { hashDocument, readApiDocument } from '../../../local/console/api-document.ts';

test('the types of the console are those of the present API', async () => {
  const [head] = readFileSync('web/api/schema.d.ts', 'utf8').split('\n', 1);
  const hash = hashDocument(await readApiDocument());
  expect(head, 'the API has changed: run "npm run web:types"').toContain(hash);
});
