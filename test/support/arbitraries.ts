import * as fc from 'fast-check';
import type { Filter, Scalar } from '../../selection/filter.ts';
import type { PropertyType } from '../../selection/property-types.ts';
import type { OracleUser } from './database/oracle.ts';

/** Includes names that JavaScript or SQL could misinterpret. */
export const TYPES: ReadonlyMap<string, PropertyType> = new Map([
  ['plan', 'string'],
  ['constructor', 'string'],
  ['score', 'number'],
  ['active', 'boolean'],
  ['born', 'date'],
  ['alarm', 'time'],
  ['seenAt', 'datetime'],
  ['labels', 'list'],
  ['workMail', 'email'],
  ['mobile', 'phone'],
]);

/** Few values, so that filters match users; hostile values, to test quoting. */
export const TEXTS = [
  'a', 'A', 'b', 'Ada', 'ada', "O'Brien", '%', '_', '\\', '$1', '?', 'ÄÖ', 'äö', 'é', 'e\u0301',
  'İ', 'ı', 'ß', 'ﬀ', '😀', '\uFFFD', '"', '{a,b}', 'NULL', "E'\\n'", 'line\nbreak', ' a ', "';--",
  '٣', '\u202E', 'true', '1', '2020-01-01',
]; // prettier-ignore
/** In stored form, as people write them, and as older rows may hold them. */
const PHONES = ['493012345', '4930123456', '+49 (30) 123-45', '49-30-12345', '+493012345'];
export const MAILS = [
  'ada@example.com', 'Ada@Example.com', 'ADA@EXAMPLE.COM', 'ÄDA@x', 'äda@x', 'İ@x', 'ı@x', 'i@x',
]; // prettier-ignore
const NUMBERS = ['0', '1', '-1', '1.5', '1.0', '1e3', '1000', '123456789012345', '-0.001', '1e-7'];
/** Values that no caller can send, but that a row may hold. */
const ODD_NUMBERS = ['12345678901234567890123', '0.1234567890123456789', '1e300', '1e-300'];
const DATES = ['0001-01-01', '1999-12-31', '2020-02-29', '2024-06-30', '2024-07-01', '9999-12-31'];
const TIMES = ['00:00:00', '09:30:00', '23:59:59'];
const MOMENTS = [
  '0001-01-01T00:00:00.000000Z',
  '1969-12-31T23:59:59.999999Z',
  '2024-06-30T23:59:59.999999Z',
  '2024-07-01T00:00:00.000000Z',
  '2024-07-01T00:00:00.000001Z',
  '9999-12-31T23:59:59.999999Z',
];
const ODD_JSON = ['null', '""', '{}', '[]', '[[]]', '[1,null,["a"]]', '{"a":"a"}', '"2020-13-45"'];

const oneOf = <T>(values: readonly T[]) => fc.constantFrom(...values);
const json = (values: readonly (string | string[])[]) =>
  values.map((value) => JSON.stringify(value));

/** Items with blanks around them occur in older rows, written before blanks were removed. */
const LISTS = [
  ['a'], ['A', 'b'], ['a', 'a'], ["O'Brien", '%', '"', '\\'], ['NULL', '😀'], [' a'], ['b', '\u00A0b\t'],
]; // prettier-ignore

const anyCustom = oneOf([
  ...ODD_JSON,
  ...NUMBERS,
  ...ODD_NUMBERS,
  'true',
  'false',
  ...json(TEXTS),
  ...json(DATES),
  ...json(TIMES),
  ...json(MOMENTS),
  ...json(LISTS),
]);

const FITTING: Partial<Record<PropertyType, fc.Arbitrary<string>>> = {
  number: oneOf([...NUMBERS, ...ODD_NUMBERS]),
  boolean: oneOf(['true', 'false']),
  date: oneOf(json(DATES)),
  time: oneOf(json(TIMES)),
  datetime: oneOf(json(MOMENTS)),
  list: oneOf(['[]', '[[]]', '[1]', ...json(LISTS)]),
  email: oneOf(json(['', ...TEXTS, ...MAILS])),
  phone: oneOf(json(['', ...TEXTS, ...PHONES])),
};

const customOf = (type: PropertyType) =>
  fc.oneof(
    { weight: 4, arbitrary: FITTING[type] ?? oneOf(json(['', ...TEXTS])) },
    { weight: 1, arbitrary: anyCustom },
  );

const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { freq: 3, nil: null });
const textOrEmpty = oneOf(['', ...TEXTS]);

export const userArbitrary: fc.Arbitrary<Omit<OracleUser, 'userId'>> = fc.record({
  system: fc.record({
    firstName: maybe(textOrEmpty),
    email: maybe(oneOf(['', ...TEXTS, ...MAILS])),
    phone: maybe(oneOf(['', ...TEXTS, ...PHONES])),
    dob: maybe(oneOf([...DATES, 'infinity', '-infinity'])),
    emailOptin: maybe(fc.boolean()),
    tags: maybe(oneOf(LISTS)),
    legalHold: fc.boolean(),
    createdAt: oneOf([...MOMENTS, 'infinity', '-infinity']),
  }),
  properties: fc.record(
    Object.fromEntries([...TYPES].map(([name, type]) => [name, customOf(type)])),
    { requiredKeys: [] },
  ) as fc.Arbitrary<Record<string, string>>,
});

const SYSTEM_TYPES: [string, PropertyType][] = [
  ['userId', 'string'],
  ['firstName', 'string'],
  ['email', 'email'],
  ['phone', 'phone'],
  ['dob', 'date'],
  ['emailOptin', 'boolean'],
  ['legalHold', 'boolean'],
  ['tags', 'list'],
  ['createdAt', 'datetime'],
];

const FIELDS: [string, PropertyType][] = [
  ...SYSTEM_TYPES,
  ...[...TYPES].map(([name, type]): [string, PropertyType] => [`properties.${name}`, type]),
];

const MOMENT_SPELLINGS = [
  ...MOMENTS,
  '2024-07-01T00:00:00Z',
  '2024-07-01t05:30:00+05:30',
  '2024-06-30T18:59:59.999999-05:00',
];

/** Email addresses of filters hold no invisible characters. */
const isSeen = (text: string): boolean => !/[\s\u202E]/.test(text);
/** Parts of phone numbers hold digits, and are not dates. */
const isOfPhone = (text: string): boolean => /[0-9]/.test(text) && !/^\d{4}-\d\d-\d\d$/.test(text);

const scalarOf = (type: PropertyType): fc.Arbitrary<Scalar> => {
  switch (type) {
    case 'number':
      return fc.oneof(oneOf(NUMBERS).map(Number), fc.integer());
    case 'boolean':
      return fc.boolean();
    case 'date':
      return oneOf(DATES);
    case 'time':
      return oneOf([...TIMES, '09:30']);
    case 'datetime':
      return oneOf(MOMENT_SPELLINGS);
    case 'email':
      return oneOf([...TEXTS.filter(isSeen), ...MAILS, '@EXAMPLE', '@x']);
    case 'phone':
      return oneOf(PHONES);
    case 'list':
      return oneOf([...TEXTS, 'b ']);
    case 'string':
    case 'url':
      return oneOf([...TEXTS, 'user-1', 'USER']);
  }
};

const conditionOf = ([field, type]: [string, PropertyType]): fc.Arbitrary<Filter> => {
  const scalar = scalarOf(type);
  const known = fc.record({
    field: fc.constant(field),
    op: oneOf(['isKnown', 'isNotKnown'] as const),
  });
  const ordered = ['number', 'date', 'time', 'datetime'].includes(type);
  const isDateOrTime = type === 'date' || type === 'datetime';
  const using = (ops: readonly string[], value: fc.Arbitrary<unknown>) =>
    fc.record({ field: fc.constant(field), op: oneOf(ops), value }) as fc.Arbitrary<Filter>;
  const choices: fc.Arbitrary<Filter>[] = [known];
  if (type !== 'list') choices.push(using(['is', 'isNot'], scalar));
  if (type !== 'list' && type !== 'boolean') {
    choices.push(using(['in'], fc.array(scalar, { minLength: 1, maxLength: 4 })));
  }
  const part =
    type === 'phone' ? oneOf([...TEXTS.filter(isOfPhone), ...PHONES, '+49 (', '30']) : scalar;
  if (!ordered && type !== 'boolean') choices.push(using(['contains', 'notContains'], part));
  if (ordered) choices.push(using(['lt', 'lte', 'gt', 'gte'], scalar));
  if (isDateOrTime) {
    const daysAgo = oneOf([0, 1, 2, 1640, 36_500]);
    choices.push(using(['lt', 'lte', 'gt', 'gte'], fc.record({ daysAgo })));
  }
  return fc.oneof(...choices);
};

/** Filters that fit `TYPES`, up to the deepest that is allowed. */
export const filterArbitrary: fc.Arbitrary<Filter> = (() => {
  const condition = oneOf(FIELDS).chain(conditionOf);
  const level = (below: fc.Arbitrary<Filter>): fc.Arbitrary<Filter> =>
    fc.oneof(
      { weight: 2, arbitrary: condition },
      { weight: 1, arbitrary: fc.record({ not: below }) },
      { weight: 1, arbitrary: fc.record({ and: fc.array(below, { minLength: 1, maxLength: 3 }) }) },
      { weight: 1, arbitrary: fc.record({ or: fc.array(below, { minLength: 1, maxLength: 3 }) }) },
    );
  return level(level(level(level(condition))));
})();
