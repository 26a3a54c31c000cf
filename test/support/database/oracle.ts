import type { Filter, Scalar } from '../../../selection/filter.ts';
import type { PropertyType } from '../../../selection/property-types.ts';

/** A user in the oracle. Custom values are JSON text, so that no digit is lost. */
export interface OracleUser {
  userId: string;
  /** System properties by the API's names. Timestamps and dates are as PostgreSQL writes them. */
  system: Record<string, string | boolean | string[] | null>;
  properties: Record<string, string>;
}

type Kind = 'text' | 'number' | 'boolean' | 'date' | 'time' | 'datetime' | 'list';
type Condition = Extract<Filter, { field: string }>;

const SYSTEM_KINDS: Record<string, Kind> = {
  dob: 'date',
  emailOptin: 'boolean',
  smsOptin: 'boolean',
  legalHold: 'boolean',
  tags: 'list',
  createdAt: 'datetime',
};

const NUMBER = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;

/** The alphabet in the database's lower case: locales differ in letters beyond ASCII. */
export type Lowered = ReadonlyMap<string, string>;

interface Read {
  kind: Kind;
  /** Set for email addresses and phone numbers, which have their own rules of comparison. */
  form?: 'mail' | 'phone';
  /** Null when unknown. Numbers are JSON text. */
  value: string | boolean | string[] | null;
  compare: (value: string, other: string) => number;
}

const SYSTEM_FORMS: Record<string, PropertyType> = { email: 'email', phone: 'phone' };

const DAY_MICROSECONDS = 86_400_000_000n;

/** The inputs of a filter besides the user. */
export interface Context {
  types: ReadonlyMap<string, PropertyType>;
  now: Date;
  lowered: Lowered;
}

/** The specification of filters in PRODUCT.md, implemented a second time, without SQL. */
export const satisfies = (user: OracleUser, filter: Filter, context: Context): boolean => {
  if ('and' in filter) return filter.and.every((node) => satisfies(user, node, context));
  if ('or' in filter) return filter.or.some((node) => satisfies(user, node, context));
  if ('not' in filter) return !satisfies(user, filter.not, context);
  const { field } = filter;
  if (!field.startsWith('properties.')) return holds(filter, readSystem(user, field), context);
  const key = field.slice('properties.'.length);
  const type = context.types.get(key) ?? 'string';
  return holds(filter, readCustom(user, key, type), context);
};

const holds = ({ op, value }: Condition, read: Read, { now, lowered }: Context): boolean => {
  const scalar = value as Scalar;
  const order = () => orderOf(read, value, now);
  const is = (wanted: (order: number) => boolean) => {
    const found = order();
    return found !== undefined && wanted(found);
  };
  switch (op) {
    case 'is':
      return equals(read, scalar, lowered);
    case 'isNot':
      return !equals(read, scalar, lowered);
    case 'in':
      return (value as Scalar[]).some((item) => equals(read, item, lowered));
    case 'contains':
      return contains(read, value as string, lowered);
    case 'notContains':
      return !contains(read, value as string, lowered);
    case 'isKnown':
      return read.value !== null;
    case 'isNotKnown':
      return read.value === null;
    case 'lt':
      return is((found) => found < 0);
    case 'lte':
      return is((found) => found <= 0);
    case 'gt':
      return is((found) => found > 0);
    case 'gte':
      return is((found) => found >= 0);
  }
};

const orderOf = (read: Read, given: unknown, now: Date): number | undefined => {
  const { kind, value, compare } = read;
  if (value === null) return undefined;
  if (typeof given !== 'object' || given === null) {
    return compare(String(value), kind === 'number' ? JSON.stringify(given) : String(given));
  }
  const { daysAgo } = given as { daysAgo: number };
  const moment = BigInt(now.getTime()) * 1000n - BigInt(daysAgo) * DAY_MICROSECONDS;
  const text = new Date(Number(moment / 1000n)).toISOString();
  return compare(String(value), kind === 'date' ? text.slice(0, 10) : text);
};

const equals = (read: Read, other: Scalar, lowered: Lowered): boolean => {
  const { kind, form, value, compare } = read;
  if (value === null || Array.isArray(value)) return false;
  if (kind === 'boolean') return value === other;
  const [text, wanted] = [String(value), String(other)];
  if (form === 'mail') return lower(text, lowered) === lower(wanted, lowered);
  if (form === 'phone') return text === wanted || text === digitsOf(wanted);
  return compare(text, kind === 'number' ? JSON.stringify(other) : wanted) === 0;
};

const lower = (text: string, lowered: Lowered): string =>
  Array.from(text, (letter) => lowered.get(letter) ?? letter).join('');

const digitsOf = (text: string): string => text.replace(/\D/g, '');

const contains = ({ form, value }: Read, part: string, lowered: Lowered): boolean => {
  if (Array.isArray(value)) return value.some((item) => item.trim() === part.trim());
  if (typeof value !== 'string') return false;
  if (form === 'mail') return lower(value, lowered).includes(lower(part, lowered));
  const isPhone = form === 'phone' && /^[-+() \d]*\d[-+() \d]*$/.test(part);
  return (
    folded(value).includes(folded(part)) || (isPhone && folded(value).includes(digitsOf(part)))
  );
};

/** Folds A to Z and nothing else, as PostgreSQL does under the collation "C". */
const folded = (text: string): string => text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());

const readSystem = (user: OracleUser, name: string): Read => {
  const kind = SYSTEM_KINDS[name] ?? 'text';
  const value = name === 'userId' ? user.userId : (user.system[name] ?? null);
  const isEmpty = value === '' || (Array.isArray(value) && value.length === 0);
  const compare =
    kind === 'datetime'
      ? (a: string, b: string) => sign(microseconds(a) - microseconds(b))
      : kind === 'date'
        ? (a: string, b: string) => sign(days(a) - days(b))
        : bytes;
  return { kind, value: isEmpty ? null : value, compare, ...formOf(SYSTEM_FORMS[name]) };
};

const sign = (difference: bigint): number => (difference < 0n ? -1 : difference > 0n ? 1 : 0);

/** Microseconds since 1970 for an RFC 3339 text; infinities are beyond all other values. */
const microseconds = (text: string): bigint => {
  if (text === 'infinity') return 10n ** 30n;
  if (text === '-infinity') return -(10n ** 30n);
  const fraction = /\.(\d+)/.exec(text)?.[1] ?? '';
  const whole = Date.parse(text.replace(/\.\d+/, ''));
  return BigInt(whole) * 1000n + BigInt(fraction.padEnd(6, '0'));
};

const days = (text: string): bigint =>
  /inf/.test(text) ? microseconds(text) : microseconds(`${text}T00:00:00Z`);

const bytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

const formOf = (type: PropertyType | undefined): Pick<Read, 'form'> => {
  if (type === 'email') return { form: 'mail' };
  return type === 'phone' ? { form: 'phone' } : {};
};

const readCustom = (user: OracleUser, key: string, type: PropertyType): Read => {
  const kind = kindOfType(type);
  const text = (Object.hasOwn(user.properties, key) && user.properties[key]) || 'null';
  const unknown: Read = { kind, value: null, compare: bytes };
  if (kind === 'number') {
    if (!NUMBER.test(text)) return unknown;
    return { kind, value: text, compare: (a, b) => sign(scaled(a) - scaled(b)) };
  }
  const value: unknown = JSON.parse(text);
  if (kind === 'boolean') return typeof value === 'boolean' ? { ...unknown, value } : unknown;
  if (kind === 'list') {
    if (!Array.isArray(value) || value.length === 0) return unknown;
    return { ...unknown, value: value.map((item) => (typeof item === 'string' ? item : '\0')) };
  }
  if (typeof value !== 'string' || value === '') return unknown;
  return { kind, value, compare: (a, b) => bytes(a, canonical(kind, b)), ...formOf(type) };
};

const kindOfType = (type: PropertyType): Kind =>
  type === 'string' || type === 'email' || type === 'phone' || type === 'url' ? 'text' : type;

/** A number as one integer, scaled by 10^400: enough for every double. */
const scaled = (text: string): bigint => {
  const [, sign, whole = '', fraction = '', exponent = '0'] = NUMBER.exec(text) ?? [];
  const shift = 400 + Number(exponent) - fraction.length;
  const digits = BigInt(whole + fraction) * 10n ** BigInt(shift);
  return sign === '-' ? -digits : digits;
};

/** The canonical form of a custom date, time or datetime that a filter compares. */
const canonical = (kind: Kind, text: string): string => {
  if (kind === 'time') return text.length === 5 ? `${text}:00` : text;
  if (kind !== 'datetime') return text;
  const value = microseconds(text);
  const fraction = ((value % 1_000_000n) + 1_000_000n) % 1_000_000n;
  const seconds = new Date(Number((value - fraction) / 1000n)).toISOString().slice(0, 19);
  return `${seconds}.${String(fraction).padStart(6, '0')}Z`;
};
