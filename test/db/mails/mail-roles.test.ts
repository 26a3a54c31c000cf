import { expect, test } from 'vitest';
import { refusalCode } from '../../support/database/refusal-code.ts';
import { useDatabase } from '../../support/database/database.ts';

/** What an attacker with the API's or the worker's role cannot do with mails. */

const database = useDatabase();
const DENIED = '42501';

const codeOf = (role: 'api' | 'worker', text: string) => refusalCode(database(), role, text);

const NOBODY = '00000000-0000-0000-0000-000000000000';

test.each<['api' | 'worker', string, string]>([
  [
    'api',
    'say that a mail was accepted',
    `INSERT INTO notices (job_id, kind, accepted_at) VALUES ('${NOBODY}', 'finished', now())`,
  ],
  ['api', 'have a mail tried again by its row', 'UPDATE notices SET accepted_at = NULL'],
  ['api', 'have a mail go to others', `UPDATE request_notices SET person = 'x@example.com'`],
  [
    'api',
    'add a reader',
    `INSERT INTO request_notices (id, request_id, kind, person)
     VALUES ('${NOBODY}', '${NOBODY}', 'asked', 'x@example.com')`,
  ],
  ['api', 'change who asked for a mail', 'UPDATE mail_rounds SET round = 9'],
  [
    'api',
    'ask for a mail at another time',
    `INSERT INTO mail_rounds (id, job_id, kind, round, asked_by, created_at)
     VALUES ('${NOBODY}', '${NOBODY}', 'finished', 2, '${NOBODY}', now() - interval '1 day')`,
  ],
  [
    'worker',
    'ask for a mail again',
    `INSERT INTO mail_rounds (id, job_id, kind, round, asked_by)
     VALUES ('${NOBODY}', '${NOBODY}', 'finished', 2, '${NOBODY}')`,
  ],
])('the role of the %s may not %s', async (role, _act, text) => {
  expect(await codeOf(role, text)).toBe(DENIED);
});
