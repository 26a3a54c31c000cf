import { uuidv7 } from 'uuidv7';
import { expect, test } from 'vitest';
import { createApiKey } from '../../../db/api-keys.ts';
import { listOpenNotices, planNotices } from '../../../db/mails/request-notices.ts';
import { useDatabase } from '../../support/database/database.ts';
import { createRequestSteps, seedPeople } from '../../support/steps/delete-all.ts';

const database = useDatabase();

test('a person gets one mail, at the address of the oldest key, however the addresses are spelled', async () => {
  const { app, owner } = database();
  const people = await seedPeople(database(), 'mailed');
  const tagged = { ownerName: 'Pia', ownerEmail: 'pia+again@mailed.example', workspaceId: null };
  await createApiKey(owner.db, { role: 'platform', ...tagged });
  const requestId = await createRequestSteps(database()).insert(people);
  const round = { requestId, kind: 'asked', round: 1 } as const;
  const notice = { ...round, workspaceId: 'mailed', audience: 'platform' } as const;
  await planNotices(app.db, notice);
  await planNotices(app.db, notice);
  const planned = await listOpenNotices(app.db, round);
  const addresses = ['ada@mailed.example', 'paul@mailed.example', 'pia@mailed.example'];
  expect(planned.map(({ address }) => address).toSorted()).toEqual(addresses);
  expect(planned.map(({ person }) => person).toSorted()).toEqual(addresses);
  expect(await listOpenNotices(app.db, { ...round, requestId: uuidv7() })).toEqual([]);
});
