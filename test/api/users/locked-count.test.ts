import { expect, test } from 'vitest';
import { withLockedUsers } from '../../support/database/locked-users.ts';
import { useApi } from '../support.ts';

/** Waits for locks end long before counts do. */
const api = useApi({}, { timeouts: { statement_timeout: '30s', lock_timeout: '500ms' } });

test('a count that waits too long for a lock is unknown, and the rest is answered', async () => {
  await withLockedUsers(api().database.owner.pool, 'one', async () => {
    const body = { name: 'Locked', filter: { field: 'userId', op: 'isKnown' } };
    const saved = await api().call('POST', '/v1/segments', { body });
    expect(saved).toMatchObject({ status: 201, body: { name: 'Locked', count: null } });
    const overview = await api().call('GET', '/v1/overview?days=1');
    expect(overview).toMatchObject({ status: 200, body: { days: [{ added: null }] } });
    const page = await api().call('GET', '/v1/users');
    expect(page).toMatchObject({ status: 503, body: { type: '/problems/busy' } });
  });
});
