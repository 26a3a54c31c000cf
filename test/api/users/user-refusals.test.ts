import { randomBytes } from 'node:crypto';
import { beforeAll, expect, test } from 'vitest';
import { useApi } from '../support.ts';

const api = useApi();

const sql = async (text: string, values: unknown[] = []) =>
  (await api().database.owner.pool.query(text, values)).rows as Record<string, unknown>[];

const TRIGGERS = `
  CREATE FUNCTION guard_users() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF NEW.city = 'raise' THEN RAISE EXCEPTION 'no: %', NEW.user_id; END IF;
    IF NEW.city = 'raise-42' THEN
      RAISE undefined_table USING CONSTRAINT = NEW.user_id, COLUMN = NEW.user_id;
    END IF;
    IF NEW.city = 'divide' THEN PERFORM 1 / 0; END IF;
    IF NEW.city = 'swallow' THEN RETURN NULL; END IF;
    RETURN NEW; END $$;
  CREATE TRIGGER guard BEFORE INSERT OR UPDATE ON users_one
    FOR EACH ROW EXECUTE FUNCTION guard_users();
  CREATE CONSTRAINT TRIGGER later AFTER INSERT OR UPDATE ON users_one
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION guard_later();`;

beforeAll(async () => {
  await sql(`
    ALTER TABLE users_one ADD CONSTRAINT no_check CHECK (city <> 'check');
    CREATE UNIQUE INDEX one_partial ON users_one (email) WHERE city = 'partial';
    CREATE UNIQUE INDEX one_timezone ON users_one (timezone);
    ALTER TABLE users_one ADD CONSTRAINT no_twins EXCLUDE (phone WITH =) WHERE (city = 'exclude');
    CREATE INDEX one_tags ON users_one (tags);
    CREATE TABLE languages (name text PRIMARY KEY);
    GRANT SELECT, UPDATE ON languages TO keepsake_app;
    ALTER TABLE users_one ADD CONSTRAINT known_language FOREIGN KEY (language)
      REFERENCES languages DEFERRABLE INITIALLY DEFERRED;
    CREATE DOMAIN gender AS text CONSTRAINT no_gender CHECK (VALUE <> 'domain');
    ALTER TABLE users ALTER COLUMN gender TYPE gender;
    CREATE FUNCTION guard_later() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      IF NEW.city = 'later' THEN RAISE EXCEPTION 'no: %', NEW.user_id; END IF;
      RETURN NULL; END $$;
    ${TRIGGERS}
    INSERT INTO users (workspace_id, user_id, city, email, timezone, phone)
      VALUES ('one', 'there', 'partial', 'a@x.example', 'UTC', '123456');
    UPDATE users SET city = 'exclude' WHERE user_id = 'there';
    INSERT INTO users (workspace_id, user_id, city, email)
      VALUES ('one', 'there-too', 'partial', 'a@x.example')`);
});

const merge = (body: unknown) => api().call('POST', '/v1/users', { body });

const LONG_TAGS = Array.from({ length: 40 }, () => randomBytes(90).toString('base64url'));

const REFUSALS: [name: string, poison: Record<string, unknown>, why: RegExp][] = [
  ['a CHECK', { city: 'check' }, /SQLSTATE 23514, constraint no_check$/],
  ['a unique index', { timezone: 'UTC' }, /SQLSTATE 23505, constraint one_timezone$/],
  [
    'a partial unique index',
    { city: 'partial', email: 'a@x.example' },
    /SQLSTATE 23505, constraint one_partial$/,
  ],
  [
    'an exclusion constraint',
    { city: 'exclude', phone: '123456' },
    /SQLSTATE 23P01, constraint no_twins$/,
  ],
  [
    'a foreign key checked at the end',
    { language: 'xx' },
    /SQLSTATE 23503, constraint known_language$/,
  ],
  ['a constraint trigger at the end', { city: 'later' }, /SQLSTATE P0001, raised by \w+\(\)/],
  ['a trigger that raises', { city: 'raise' }, /SQLSTATE P0001, raised by \w+\(\)/],
  ["a trigger that raises a statement's code", { city: 'raise-42' }, /42P01, raised by \w+\(\)/],
  ['a trigger that fails', { city: 'divide' }, /SQLSTATE 22012, raised by \w+\(\)$/],
  [
    'a trigger that keeps the row',
    { city: 'swallow' },
    /a trigger of the database prevents the change$/,
  ],
  ['an index row that is too large', { tags: LONG_TAGS }, /SQLSTATE 54000, constraint one_tags$/],
  ['a domain', { gender: 'domain' }, /SQLSTATE 23514, constraint no_gender$/],
];

test.each(REFUSALS)(
  '%s fails only its own users, and the error names the cause',
  async (name, poison, why) => {
    const id = (n: number) => `canary ${name} ${n}`;
    await merge([2, 4].map((n) => ({ userId: id(n), firstName: 'old' })));
    // Some of the users exist, some are new, and their order is mixed.
    const numbers = Array.from({ length: 40 }, (_, n) => 39 - n);
    const poisoned = [4, 5, 30];
    const { status, body } = await merge(
      numbers.map((n) => ({
        userId: id(n),
        firstName: 'new',
        ...(poisoned.includes(n) && poison),
      })),
    );
    expect(status).toBe(200);
    const error = (index: number) => ({
      detail: expect.stringMatching(why) as string,
      pointer: `/${index}`,
    });
    expect(body.data).toEqual(
      numbers.map((n, index) => {
        if (poisoned.includes(n)) return { userId: id(n), outcome: 'failed', error: error(index) };
        return { userId: id(n), outcome: n === 2 ? 'updated' : 'created' };
      }),
    );
    const details = body.data.map((user: { error?: { detail: string } }) => user.error?.detail);
    expect(details.join('\n')).not.toMatch(/canary|a@x|123456/);
    const rows = await sql(
      `SELECT first_name, count(*)::int AS n FROM users WHERE user_id LIKE $1 GROUP BY 1 ORDER BY 1`,
      [`canary ${name} %`],
    );
    expect(rows).toEqual([
      { first_name: 'new', n: 37 },
      { first_name: 'old', n: 1 },
    ]);
  },
);

test.each(REFUSALS)('%s answers 422 for a single user, new or changed', async (_, poison, why) => {
  await merge([{ userId: 'alone', firstName: 'old' }]);
  const answers = [
    await merge({ userId: 'canary-new', firstName: 'new', ...poison }),
    await merge({ userId: 'alone', firstName: 'new', ...poison }),
    await api().call('PATCH', '/v1/users/alone', { body: { firstName: 'new', ...poison } }),
  ];
  for (const { status, body, text } of answers) {
    expect(status).toBe(422);
    expect(body).toMatchObject({
      type: '/problems/unprocessable',
      errors: [{ detail: expect.stringMatching(why), pointer: '' }],
    });
    expect(text).not.toMatch(/canary|a@x|123456/);
  }
  const rows = await sql(
    `SELECT user_id, first_name FROM users WHERE user_id IN ('alone', 'canary-new')`,
  );
  expect(rows).toEqual([{ user_id: 'alone', first_name: 'old' }]);
});

test('of several changes of one user, only the refused changes are left out', async () => {
  const { body } = await merge([
    { userId: 'thrice', firstName: 'A' },
    { userId: 'thrice', lastName: 'B', city: 'check' },
    { userId: 'thrice', country: 'C' },
    { userId: 'thrice', firstName: 'D', city: 'swallow' },
  ]);
  const outcomes = body.data.map(({ outcome }: { outcome: string }) => outcome);
  expect(outcomes).toEqual(['created', 'failed', 'updated', 'failed']);
  const { body: user } = await api().call('GET', '/v1/users/thrice');
  expect(user).toMatchObject({ firstName: 'A', lastName: null, city: null, country: 'C' });
});

test('the activity log counts only the holds that were stored', async () => {
  const holds = Array.from({ length: 6 }, (_, n) => ({
    userId: `held-${n}`,
    legalHold: true,
    ...(n % 2 === 0 && { city: n === 0 ? 'swallow' : 'check' }),
  }));
  await merge(holds);
  const rows = await sql(`SELECT counts FROM activity WHERE kind = 'holdSet'`);
  expect(rows).toEqual([{ counts: { users: 3 } }]);
});

test('a list of 1,000 refused users is answered within the time limit of the test', async () => {
  const users = Array.from({ length: 1_000 }, (_, n) => ({ userId: `all-${n}`, city: 'raise' }));
  const { status, body } = await merge(users);
  expect(status).toBe(200);
  const failed = body.data.filter(({ outcome }: { outcome: string }) => outcome === 'failed');
  expect(failed).toHaveLength(1_000);
});

test('an error of the statement itself fails the whole request, and no user is named', async () => {
  await sql(`CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      PERFORM 1 FROM no_such_table; RETURN NEW; END $$;
    CREATE TRIGGER broken BEFORE INSERT ON users_one FOR EACH ROW EXECUTE FUNCTION broken()`);
  const answer = await merge([{ userId: 'canary-a' }, { userId: 'canary-b' }]);
  await sql('DROP TRIGGER broken ON users_one');
  expect(answer).toMatchObject({ status: 500, body: { type: '/problems/internal' } });
  expect(api().log.join('') + answer.text).not.toContain('canary');
});

test('without grants, or under row-level security, the answer is 503 with the problem for the operator', async () => {
  await sql('REVOKE INSERT ON users FROM keepsake_app');
  const denied = await merge([{ userId: 'd' }, { userId: 'e' }]);
  await sql('GRANT INSERT ON users TO keepsake_app');
  expect(denied).toMatchObject({ status: 503, body: { type: '/problems/database-denied' } });
  expect(denied.headers['retry-after']).toBe('5');
  await sql('ALTER TABLE users ENABLE ROW LEVEL SECURITY');
  const hidden = await merge([{ userId: 'd' }, { userId: 'e' }]);
  await sql('ALTER TABLE users DISABLE ROW LEVEL SECURITY');
  expect(hidden).toMatchObject({ status: 503, body: { type: '/problems/database-unfit' } });
});
