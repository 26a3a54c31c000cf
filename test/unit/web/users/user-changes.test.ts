import { expect, test } from 'vitest';
import { SYSTEM_FIELDS } from '../../../../selection/fields.ts';
import {
  conflictsOf,
  fieldAt,
  readDraft,
  textOf,
  type UserDraft,
  withText,
} from '../../../../web/users/profile/user-changes.ts';
import {
  groupsOf,
  isEditable,
  RECORD,
  SYSTEM_GROUPS,
  type User,
} from '../../../../web/users/profile/user-fields.ts';

const groups = groupsOf(
  new Map([
    ['plan', 'string'],
    ['score', 'number'],
    ['seen', 'datetime'],
  ]),
);
const fields = groups.flatMap((group) => group.fields);
const fieldOf = (name: string) => fields.find(({ field }) => field === name)!;

const user = {
  userId: 'ada-17',
  firstName: 'Ada',
  city: null,
  emailOptin: true,
  tags: ['vip', 'beta'],
  properties: { score: 1.5 },
} as unknown as User;

const drafted = (texts: Record<string, string>): UserDraft =>
  Object.entries(texts).reduce<UserDraft>(
    (draft, [name, text]) => withText(draft, user, fieldOf(name), text),
    {},
  );

test('each system property is in exactly one group, and all but four can be edited', () => {
  const grouped = [...Object.values(SYSTEM_GROUPS).flat(), ...RECORD];
  expect(grouped.toSorted()).toEqual(SYSTEM_FIELDS.map(({ name }) => name).toSorted());
  const fixed = fields.filter((field) => !isEditable(field)).map(({ field }) => field);
  expect(fixed).toEqual(['userId', 'legalHold', 'createdAt', 'updatedAt']);
});

test('a custom property has the group of the workspace, which is absent without any', () => {
  expect(groups.at(-2)?.fields.map(({ name }) => name)).toEqual(['plan', 'score', 'seen']);
  expect(groupsOf(new Map()).map(({ title }) => title)).toEqual([
    ...Object.keys(SYSTEM_GROUPS),
    'Record',
  ]);
});

test('an unknown value has no text, and a list has one item on each line', () => {
  const texts = ['firstName', 'city', 'emailOptin', 'tags', 'properties.score', 'properties.plan'];
  expect(texts.map((name) => textOf(user, fieldOf(name)))).toEqual([
    'Ada',
    '',
    'true',
    'vip\nbeta',
    '1.5',
    '',
  ]);
});

test('only what differs from the user is a change', () => {
  const draft = drafted({ firstName: 'Eve', city: 'Rome', tags: 'vip\nbeta' });
  expect(draft).toEqual({ firstName: 'Eve', city: 'Rome' });
  expect(withText(draft, user, fieldOf('firstName'), 'Ada')).toEqual({ city: 'Rome' });
});

test('the body has values of the right types, and null for what is cleared', () => {
  const draft = drafted({
    firstName: '',
    emailOptin: 'false',
    tags: ' new \n\n',
    phone: '+49 30 123456',
    dob: '2000-02-29',
    'properties.score': '-2e3',
    'properties.plan': 'pro',
    'properties.seen': '2026-11-23T09:30:00Z',
  });
  expect(readDraft(draft, fields)).toEqual({
    body: {
      firstName: null,
      emailOptin: false,
      tags: ['new'],
      phone: '4930123456',
      dob: '2000-02-29',
      properties: { score: -2000, plan: 'pro', seen: '2026-11-23T09:30:00.000000Z' },
    },
  });
});

test('a boolean can become unknown again', () => {
  expect(readDraft(drafted({ emailOptin: '' }), fields)).toEqual({ body: { emailOptin: null } });
});

test('a value that the API would refuse is a problem of its property', () => {
  const draft = drafted({
    email: 'ada',
    dob: '2001-02-29',
    tags: 'a;b',
    'properties.score': '1.23456789012345678',
  });
  const read = readDraft(draft, fields);
  expect('problems' in read && Object.keys(read.problems).toSorted()).toEqual([
    'dob',
    'email',
    'properties.score',
    'tags',
  ]);
});

test('only an edited property that something else changed differently is a conflict', () => {
  const now = { ...user, firstName: 'Eva', city: 'Rome', lastName: 'New' } as User;
  const draft = drafted({ firstName: 'Eve', city: 'Rome', emailOptin: 'false' });
  const found = conflictsOf(draft, { opened: user, now }, fields);
  expect(found.map(({ field }) => field)).toEqual(['firstName']);
});

test('a pointer of the API leads to its property, also with a slash in its name', () => {
  expect(['/email', '/properties/plan', '/properties/a~1b~0c'].map(fieldAt)).toEqual([
    'email',
    'properties.plan',
    'properties.a/b~c',
  ]);
});
