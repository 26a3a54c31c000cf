/** A change of a type by which PostgreSQL may round or cut a value without an error. */
interface LossyChange {
  /** The former type, as `format_type` names it. */
  from: RegExp;
  to: RegExp;
  comparedAs: (former: string) => ComparedAs;
}

/**
 * The casts of two texts, after which the values must be equal: that of the restored value as the
 * table has it, and that in the backup.
 */
export interface ComparedAs {
  restored: string;
  stored: string;
}

const NUMBER = /^(?:smallint|integer|bigint|real|double precision|numeric(?:\([\d,-]+\))?)$/;
const DAY = /^(?:date|timestamp(?:\(\d\))? with(?:out)? time zone)$/;
const TIME = /^time(?:\(\d\))? with(?:out)? time zone$/;
const TIME_OF_DAY = /^time(?:\(\d\))? without time zone$/;
const INTERVAL = /^interval(?:[ (].*)?$/;
const TEXT = /^(?:text|character varying(?:\(\d+\))?)$/;
const SHORT_TEXT = /^(?:name|"char")$/;
const RANGE_OF_NUMBERS = /^(?:int4|int8|num)(?:multi)?range$/;
const RANGE_OF_DAYS = /^(?:date|ts|tstz)(?:multi)?range$/;

const as = (type: string): ComparedAs => ({ restored: type, stored: type });
const asText = (): ComparedAs => as('text');
const asFormer = (former: string): ComparedAs => as(former.replace(/\(\d\)/, ''));

const LOSSY_CHANGES: readonly LossyChange[] = [
  // `numeric` holds every number exactly, as its text says.
  { from: NUMBER, to: NUMBER, comparedAs: () => as('numeric') },
  {
    from: NUMBER,
    to: /^money$/,
    comparedAs: () => ({ restored: 'money::numeric', stored: 'numeric' }),
  },
  { from: DAY, to: DAY, comparedAs: asFormer },
  { from: TIME, to: TIME, comparedAs: asFormer },
  // The day is lost.
  { from: DAY, to: TIME, comparedAs: asText },
  { from: INTERVAL, to: INTERVAL, comparedAs: () => as('interval') },
  { from: INTERVAL, to: TIME_OF_DAY, comparedAs: () => as('interval') },
  { from: TIME_OF_DAY, to: INTERVAL, comparedAs: () => as('interval') },
  { from: RANGE_OF_NUMBERS, to: RANGE_OF_NUMBERS, comparedAs: asFormer },
  { from: RANGE_OF_DAYS, to: RANGE_OF_DAYS, comparedAs: asFormer },
  // Of single values of these types, the text is compared anyway.
  { from: TEXT, to: TEXT, comparedAs: asText },
  // `bpchar` is `character` without a length. Its cast to text removes trailing blanks.
  {
    from: TEXT,
    to: /^(?:character\(\d+\)|bpchar)$/,
    comparedAs: () => ({ restored: 'bpchar::text', stored: 'text' }),
  },
  // Trailing blanks have no meaning in `character`, and none when two of its values are compared.
  { from: /^character\(\d+\)$/, to: SHORT_TEXT, comparedAs: () => as('bpchar') },
  { from: /./, to: SHORT_TEXT, comparedAs: asText },
  { from: /^(?:smallint|integer|bigint)$/, to: /^oid$/, comparedAs: asText },
];

const LIST = '[]';

/**
 * The types by which to compare a restored value with the backup, if the column's type of today may
 * have rounded or cut the value. Undefined for all other changes of a type.
 */
export const comparedTypesOf = (former: string, today: string): ComparedAs | undefined => {
  const isList = former.endsWith(LIST);
  if (today.endsWith(LIST) !== isList) return undefined;
  const [from = '', to = ''] = [former, today].map((type) =>
    isList ? type.slice(0, -LIST.length) : type,
  );
  const change = LOSSY_CHANGES.find((one) => one.from.test(from) && one.to.test(to));
  const compared = change?.comparedAs(from);
  if (compared === undefined || !isList) return compared;
  const listOf = (casts: string) => casts.replaceAll(/[^:]+/g, `$&${LIST}`);
  return { restored: listOf(compared.restored), stored: listOf(compared.stored) };
};
