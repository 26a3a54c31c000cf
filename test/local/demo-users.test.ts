import { expect, test } from 'vitest';
import { demoProperties, demoSegments, demoUsers } from '../../local/demo/demo-users.ts';

const COUNT = 10_000;
const DAY = new Date('2026-03-01T09:30:00Z');
const users = [...demoUsers(COUNT, 1, DAY)];
const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

test('the same seed and day create the same users, and another seed creates others', () => {
  const later = new Date('2026-03-01T23:59:59Z');
  expect([...demoUsers(COUNT, 1, later)]).toEqual(users);
  expect([...demoUsers(10, 2, DAY)]).not.toEqual(users.slice(0, 10));
});

test('a smaller number of users is the start of a larger number', () => {
  expect([...demoUsers(50, 1, DAY)]).toEqual(users.slice(0, 50));
});

test('ids count up, and each email address is unique', () => {
  expect(users[0]?.userId).toBe('u-000001');
  expect(users.at(-1)?.userId).toBe('u-010000');
  const emails = users.flatMap(({ email }) => email ?? []);
  expect(new Set(emails).size).toBe(emails.length);
  expect(emails.every((email) => /^[a-z.]+\.\d+@example\.(com|org)$/.test(email))).toBe(true);
});

test('values have the form that the API accepts', () => {
  const types = new Map<string, string>(demoProperties.map(({ name, type }) => [name, type]));
  const phones = users.flatMap(({ phone }) => phone ?? []);
  const birthdays = users.flatMap(({ dob }) => dob ?? []);
  const custom = users.flatMap(({ properties }) => Object.entries(properties));
  const items = users.flatMap(({ tags, properties }) => [
    ...listOf(tags),
    ...listOf(properties['interests']),
  ]);
  expect(phones.filter((phone) => !/^[1-9]\d{9,14}$/.test(phone))).toEqual([]);
  expect(birthdays.filter((day) => !/^\d{4}-\d{2}-\d{2}$/.test(day))).toEqual([]);
  expect(custom.filter(([name, value]) => !types.has(name) || value === '')).toEqual([]);
  expect(items.filter((item) => String(item).includes(';'))).toEqual([]);
});

test('demo users have various scripts, quotes, commas and emoji, and each field is unknown for some users', () => {
  const all = JSON.stringify(users);
  for (const part of ['Zoë', '李', 'Олена', 'आरव', 'محمد', "O'Brien", 'Jr.', '🎉', '=SUM']) {
    expect(all).toContain(part);
  }
  for (const field of [
    'firstName',
    'lastName',
    'email',
    'phone',
    'country',
    'dob',
    'tags',
  ] as const) {
    const known = users.filter((user) => user[field] !== undefined).length;
    expect(known).toBeGreaterThan(COUNT / 3);
    expect(known).toBeLessThan(COUNT);
  }
});

test('each segment has users, and not all of them', () => {
  const ninetyDaysAgo = new Date(DAY.getTime() - 90 * 24 * 60 * 60 * 1_000).toISOString();
  const members: Record<string, number> = {
    Churned: users.filter(
      ({ properties }) => String(properties['lastSeenAt'] ?? '9') < ninetyDaysAgo,
    ).length,
    'VIP in India': users.filter((user) => user.properties['vip'] === true && user.country === 'IN')
      .length,
    'No email address': users.filter(({ email }) => email === undefined).length,
    'Opted out everywhere': users.filter(
      (user) =>
        user.emailOptin === false && user.smsOptin === false && user.whatsAppOptin === false,
    ).length,
  };
  for (const count of Object.values(members)) {
    expect(count).toBeGreaterThan(100);
    expect(count).toBeLessThan(COUNT / 2);
  }
  expect(demoSegments.map(({ name }) => name)).toEqual(
    expect.arrayContaining(Object.keys(members)),
  );
});
