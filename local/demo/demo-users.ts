import { REGIONS, type Name, type Region } from './demo-names.ts';

/** A user as `POST /v1/users` accepts it. Unknown fields are left out. */
export interface DemoUser {
  userId: string;
  firstName?: string;
  lastName?: string;
  gender?: string;
  country?: string;
  city?: string;
  language?: string;
  timezone?: string;
  email?: string;
  phone?: string;
  lastChannel?: string;
  dob?: string;
  emailOptin?: boolean;
  smsOptin?: boolean;
  whatsAppOptin?: boolean;
  tags?: string[];
  properties: Record<string, string | number | boolean | string[]>;
}

const DAY_MS = 24 * 60 * 60 * 1_000;
const FIXED_SEED = 20_260_101;

const PLANS = ['free', 'basic', 'plus', 'enterprise'];
const CHANNELS = ['email', 'sms', 'push', 'whatsapp'];
const TAGS = [
  'newsletter',
  'beta',
  '🎉 launch party',
  'pays, but late',
  'said "maybe"',
  'naïve',
  '-5 %',
];
const INTERESTS = ['cycling', 'cooking', 'música', 'книги', '写真', 'chess', 'R&D'];
const COMPANIES = [
  'Acme, Inc.',
  'Smith & Sons',
  '"Quoted" GmbH',
  '=SUM(1,2) Ltd',
  'Crème Brûlée SARL',
  '@home',
];
const MANAGERS = ['kim', 'sasha', 'robin', 'ayo'];

type Dice = ReturnType<typeof createDice>;

/** The custom properties of the demo users. */
export const demoProperties = [
  { name: 'plan', type: 'string' },
  { name: 'ltv', type: 'number' },
  { name: 'vip', type: 'boolean' },
  { name: 'lastSeenAt', type: 'datetime' },
  { name: 'renewsOn', type: 'date' },
  { name: 'bestTime', type: 'time' },
  { name: 'interests', type: 'list' },
  { name: 'company', type: 'string' },
  { name: 'accountManager', type: 'email' },
  { name: 'workPhone', type: 'phone' },
  { name: 'website', type: 'url' },
] as const;

export const demoSegments = [
  {
    name: 'Churned',
    filter: { field: 'properties.lastSeenAt', op: 'lt', value: { daysAgo: 90 } },
  },
  {
    name: 'VIP in India',
    filter: {
      and: [
        { field: 'properties.vip', op: 'is', value: true },
        { field: 'country', op: 'is', value: 'IN' },
      ],
    },
  },
  { name: 'No email address', filter: { field: 'email', op: 'isNotKnown' } },
  {
    name: 'Opted out everywhere',
    filter: {
      and: [
        { field: 'emailOptin', op: 'is', value: false },
        { field: 'smsOptin', op: 'is', value: false },
        { field: 'whatsAppOptin', op: 'is', value: false },
      ],
    },
  },
  {
    name: 'Paying, worth 1,000 or more',
    filter: {
      and: [
        { field: 'properties.plan', op: 'in', value: ['basic', 'plus', 'enterprise'] },
        { field: 'properties.ltv', op: 'gte', value: 1_000 },
      ],
    },
  },
  {
    name: 'Beta testers who cycle or cook',
    filter: {
      and: [
        { field: 'tags', op: 'contains', value: 'beta' },
        {
          or: [
            { field: 'properties.interests', op: 'contains', value: 'cycling' },
            { field: 'properties.interests', op: 'contains', value: 'cooking' },
          ],
        },
      ],
    },
  },
] as const;

/**
 * Users `u-000001`, `u-000002`, …: the same ones for the same seed and day.
 *
 * Only `lastSeenAt` and `renewsOn` depend on the day, so that "not seen for 90 days" never matches
 * everyone.
 */
export function* demoUsers(
  count: number,
  seed: number = FIXED_SEED,
  now: Date = new Date(),
): Generator<DemoUser, void> {
  const today = Math.floor(now.getTime() / DAY_MS) * DAY_MS;
  const dice = createDice(createRandom(seed));
  for (let index = 1; index <= count; index++) yield demoUser(index, dice, today);
}

/** Choices from one stream of random numbers. */
const createDice = (random: () => number) => {
  const below = (limit: number): number => Math.floor(random() * limit);
  const chance = (probability: number): boolean => random() < probability;
  return {
    below,
    chance,
    pick: <T>(items: readonly T[]): T => items[below(items.length)] as T,
    some: <T>(items: readonly T[], probability: number): T[] =>
      items.filter(() => chance(probability)),
  };
};

/** The generator mulberry32: small, and unlike Math.random the same on every machine. */
const createRandom = (seed: number): (() => number) => {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
};

const demoUser = (index: number, dice: Dice, today: number): DemoUser => {
  const region = dice.pick(REGIONS);
  const isFemale = dice.chance(0.5);
  const first = dice.pick(isFemale ? region.female : region.male);
  const last = dice.pick(region.family);
  const [city, timezone] = dice.pick(region.places);
  const isOptedOut = dice.chance(0.08);
  const optin = (probability: number) =>
    isOptedOut ? false : dice.chance(0.9) ? dice.chance(probability) : undefined;
  return {
    userId: `u-${String(index).padStart(6, '0')}`,
    ...known({
      firstName: dice.chance(0.97) ? first[0] : undefined,
      lastName: dice.chance(0.95) ? last[0] : undefined,
      gender: dice.chance(0.8)
        ? dice.chance(0.02)
          ? 'nonbinary'
          : isFemale
            ? 'female'
            : 'male'
        : undefined,
      country: dice.chance(0.96) ? region.country : undefined,
      city: dice.chance(0.85) ? city : undefined,
      language: dice.chance(0.9) ? region.language : undefined,
      timezone: dice.chance(0.9) ? timezone : undefined,
      email: dice.chance(0.93) ? emailOf(first, last, index, dice) : undefined,
      phone: dice.chance(0.7) ? phoneOf(region, dice) : undefined,
      lastChannel: dice.chance(0.75) ? dice.pick(CHANNELS) : undefined,
      dob: dice.chance(0.6)
        ? day(Date.UTC(1940 + dice.below(66), dice.below(12), 1 + dice.below(28)))
        : undefined,
      emailOptin: optin(0.75),
      smsOptin: optin(0.4),
      whatsAppOptin: optin(0.3),
      tags: dice.some(TAGS, 0.15),
    }),
    properties: propertiesOf(index, region, dice, today),
  };
};

/** Leaves out undefined values and empty lists. */
const known = <T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } =>
  Object.fromEntries(
    Object.entries(values).filter(
      ([, value]) => value !== undefined && !(Array.isArray(value) && value.length === 0),
    ),
  ) as { [K in keyof T]?: Exclude<T[K], undefined> };

const emailOf = (first: Name, last: Name, index: number, dice: Dice): string =>
  `${first[1]}.${last[1]}.${index}@example.${dice.pick(['com', 'org'])}`;

const phoneOf = (region: Region, dice: Dice): string => {
  const digits = Array.from({ length: region.phoneDigits - 1 }, () => dice.below(10)).join('');
  return `${region.callingCode}9${digits}`;
};

const day = (time: number): string => new Date(time).toISOString().slice(0, 10);

const propertiesOf = (index: number, region: Region, dice: Dice, today: number) => {
  const plan = dice.pick(PLANS);
  const lastSeenAt = today - lastSeenDaysAgo(dice) * DAY_MS + dice.below(86_400) * 1_000;
  const isPaying = plan !== 'free';
  return known({
    plan: dice.chance(0.95) ? plan : undefined,
    ltv: isPaying ? dice.below(500_000) / 100 : dice.chance(0.5) ? 0 : undefined,
    vip: dice.chance(0.9) ? isPaying && dice.chance(0.15) : undefined,
    lastSeenAt: dice.chance(0.97) ? second(lastSeenAt) : undefined,
    renewsOn: isPaying ? day(today + dice.below(365) * DAY_MS) : undefined,
    bestTime: dice.chance(0.3)
      ? `${twoDigits(8 + dice.below(12))}:${dice.pick(['00', '30'])}:00`
      : undefined,
    interests: dice.some(INTERESTS, 0.25),
    company: dice.chance(0.2) ? dice.pick(COMPANIES) : undefined,
    accountManager: isPaying && dice.chance(0.6) ? `${dice.pick(MANAGERS)}@example.com` : undefined,
    workPhone: dice.chance(0.15) ? phoneOf(region, dice) : undefined,
    website: dice.chance(0.2) ? `https://example.org/people/${index}?ref=a&b=c` : undefined,
  });
};

/**
 * Two thirds were seen in the last 60 days, the others not for at least 91 days. So a segment of
 * inactive users has a useful size.
 */
const lastSeenDaysAgo = (dice: Dice): number =>
  dice.chance(0.67) ? dice.below(60) : 91 + dice.below(700);

const second = (time: number): string => new Date(time).toISOString().replace('.000Z', 'Z');

const twoDigits = (value: number): string => String(value).padStart(2, '0');
