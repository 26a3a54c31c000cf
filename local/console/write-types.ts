import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openTemporaryFolder } from '../processes/temporary-folder.ts';
import { PROJECT_FOLDER } from '../processes/keepsake-process.ts';
import { hashDocument, readApiDocument } from './api-document.ts';

/**
 * Writes the types of the API for the console. The generator needs TypeScript 5, so npm installs
 * both in a folder of their own.
 */
const PACKAGES = ['openapi-typescript@7.13.0', 'typescript@5.9.3'];

const document = await readApiDocument();
const folder = await openTemporaryFolder('keepsake-types-');
try {
  const input = join(folder.path, 'openapi.json');
  const output = join(folder.path, 'schema.d.ts');
  writeFileSync(input, JSON.stringify(document));
  const packages = PACKAGES.map((name) => `--package=${name}`);
  // Outside of the project: npm would otherwise prefer its TypeScript.
  const generate = ['openapi-typescript', input, '-o', output];
  execFileSync('npm', ['exec', '--yes', ...packages, '--', ...generate], {
    cwd: folder.path,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const head = `// Written by "npm run web:types" from the OpenAPI document ${hashDocument(document)}.\n`;
  const target = join(PROJECT_FOLDER, 'web/api/schema.d.ts');
  rmSync(target, { force: true });
  writeFileSync(target, head + readFileSync(output, 'utf8'));
} finally {
  await folder.remove();
}
