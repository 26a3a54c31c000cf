import { readFile } from 'node:fs/promises';
import { beforeAll, expect, test } from 'vitest';
import { useDatabase } from '../../support/database/database.ts';
import {
  countOf,
  failureOf,
  seedWorkspace,
  startDeletion,
  startExport,
  useDeletionSteps,
} from '../../support/steps/deletion.ts';

/** PostgreSQL can hold text that it refuses to read: copied from a server with another encoding. */

const database = useDatabase();
const steps = useDeletionSteps(database);

const asOwner = (text: string) => database().owner.pool.query(text);

/** A cast of the database itself takes any bytes for text. */
beforeAll(() => asOwner('CREATE CAST (bytea AS text) WITHOUT FUNCTION'));

const breakText = (workspaceId: string, userId: string, hex: string) =>
  asOwner(`UPDATE users SET city = '\\x${hex}'::bytea::text
    WHERE workspace_id = '${workspaceId}' AND user_id = '${userId}'`);

test.each([
  ['within', '5a6feb205a'],
  ['at the end of', '5a6fe282'],
])(
  'a byte %s a text that is not UTF-8 fails the backup, and no user is deleted',
  async (at, hex) => {
    const workspace = await seedWorkspace(database(), `broken-${at.replaceAll(' ', '-')}`, 6);
    await breakText(workspace.workspaceId, 'u-2', hex);
    const jobId = await startDeletion(database(), workspace, { ids: ['u-1', 'u-2'] });
    await steps.enter(jobId, 'backingUp', 1);
    expect(await failureOf(steps.write(jobId))).toMatchObject({
      type: 'usersNotUtf8',
      nonRetryable: true,
    });
    expect(await countOf(database(), workspace.workspaceId)).toBe(6);
  },
);

test('an export with such a text fails, and without it succeeds', async () => {
  const workspace = await seedWorkspace(database(), 'broken-export', 3);
  await breakText(workspace.workspaceId, 'u-2', '5a6feb');
  const whole = await startExport(database(), workspace, { columns: ['userId', 'city'] });
  expect(await failureOf(steps.write(whole))).toMatchObject({ type: 'usersNotUtf8' });
  const ids = await startExport(database(), workspace, { columns: ['userId'] });
  expect(await steps.write(ids)).toMatchObject({ rows: 3 });
});

test('the documented block names the users with such a text', async () => {
  const { workspaceId } = await seedWorkspace(database(), 'broken-found', 3);
  await breakText(workspaceId, 'u-2', '5a6feb');
  const docs = await readFile('docs/operations.md', 'utf8');
  const [, block = ''] = /```sql\n(DO [^`]+)```/.exec(docs) ?? [];
  const client = await database().owner.pool.connect();
  const notices: (string | undefined)[] = [];
  const note = ({ message }: { message?: string | undefined }) => void notices.push(message);
  client.on('notice', note);
  await client.query(block.replace("'acme'", `'${workspaceId}'`));
  client.off('notice', note);
  client.release();
  expect(notices).toEqual(['u-2']);
});
