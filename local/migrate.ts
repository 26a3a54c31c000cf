import { parseArgs } from 'node:util';
import { readLocalEnv } from '../config.ts';
import { listMigrations } from '../db/schema-version.ts';
import { findDatabaseUrl, runCommand } from './command-line.ts';
import { checkDatabase } from './given-servers.ts';
import { prepareSchema } from './prepare-schema.ts';

const USAGE = `Usage:
  npm run migrate

Brings the schema of DATABASE_URL up to date, as the login of that URL, and stores the settings DELETE_ALL_*.`;

await runCommand(USAGE, async () => {
  parseArgs();
  const url = findDatabaseUrl();
  await checkDatabase(url, console.warn);
  const applied = await prepareSchema(url, readLocalEnv());
  for (const name of applied) console.log(`Applied ${name}.`);
  const last = (await listMigrations()).at(-1) ?? '';
  console.log(
    applied.length === 0 ? `The schema is already at ${last}.` : `The schema is now at ${last}.`,
  );
});
