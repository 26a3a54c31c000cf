import { expect, test } from 'vitest';
import type { PoolClient } from 'pg';
import { openDatabase } from '../../../db/client.ts';
import { isShareExceeded, type Shares } from '../../../db/connections/fair-pool.ts';
import { useDatabase } from '../../support/database/database.ts';
import { PATIENCE_MS } from '../../support/patience.ts';

const database = useDatabase();

/** A pool of four connections, of which an owner may use two. `as` sets the owner of the work. */
const openShared = (limits: Partial<Shares> = {}) => {
  let owner: string | undefined;
  const shares = { each: 2, maxWaiting: 1, waitMs: PATIENCE_MS, ...limits, ownerOf: () => owner };
  const opened = openDatabase(database().url, { maxConnections: 4, shares });
  const as = (name: string | undefined): Promise<PoolClient> => {
    owner = name;
    return opened.pool.connect();
  };
  return { ...opened, as };
};

test('an owner gets its share of connections, waits for more, and leaves the rest to other owners', async () => {
  const { as, close } = openShared();
  const [first, second] = [await as('a'), await as('a')];
  const third = as('a');
  let isThere = false;
  void third.then(() => (isThere = true));
  const other = await as('b');
  const nobodys = await as(undefined);
  expect(isThere).toBe(false);
  nobodys.release();
  first.release();
  (await third).release();
  second.release();
  other.release();
  // Released connections are available again.
  for (const client of [await as('a'), await as('a')]) client.release();
  await close();
});

test('an owner that waits too long, or finds too many waiting, gets an error and no connection', async () => {
  const { as, close } = openShared({ waitMs: 300 });
  const held = [await as('a'), await as('a')];
  const waiting = as('a');
  await expect(as('a')).rejects.toSatisfy(isShareExceeded);
  await expect(waiting).rejects.toSatisfy(isShareExceeded);
  for (const client of held) client.release();
  for (const client of [await as('a'), await as('a')]) client.release();
  await close();
});

test('a connection that fails to open does not use up the share', async () => {
  const elsewhere = openDatabase('postgres://x@127.0.0.1:1/x', {
    shares: { each: 1, maxWaiting: 0, waitMs: 100, ownerOf: () => 'a' },
  });
  for (let time = 0; time < 3; time++) {
    await expect(elsewhere.pool.connect()).rejects.toThrow('ECONNREFUSED');
  }
  await elsewhere.close();
});

test('queries and transactions release the share alike, even if they fail', async () => {
  const { db, as, close } = openShared({ each: 1, maxWaiting: 10 });
  (await as('a')).release();
  await expect(
    db.transaction().execute(async () => {
      throw new Error('broken off');
    }),
  ).rejects.toThrow('broken off');
  await expect(
    db
      .selectFrom('no_such_table' as 'jobs')
      .selectAll()
      .execute(),
  ).rejects.toThrow('no_such_table');
  await Promise.all([1, 2, 3].map(() => db.selectFrom('jobs').select('id').execute()));
  await close();
});
