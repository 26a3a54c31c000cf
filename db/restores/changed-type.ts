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
const TEXT = /^(?:text|(?:.*\.)?citext|character varying(?:\(\d+\))?)$/;
const SHORT_TEXT = /^(?:name|"char")$/;
const RANGE_OF_NUMBERS = /^(?:int4|int8|num)(?:multi)?range$/;
const RANGE_OF_DAYS = /^(?:date|ts|tstz)(?:multi)?range$/;

const CHARACTER = /^(?:character\(\d+\)|bpchar)$/;
const ADDRESS = /^(?:inet|cidr)$/;
const NUMERIC = /^numeric(?:\([\d,-]+\))?$/;
const INTEGER = /^(?:smallint|integer|bigint)$/;
const ANY_TEXT = new RegExp(`${TEXT.source}|${CHARACTER.source}`);
/** `true` does not fit shorter ones, so such a change needs USING. */
const TEXT_FROM_4 = new RegExp(`^(?!.*\\([123]\\)$)(?:${ANY_TEXT.source})`);

const as = (type: string): ComparedAs => ({ restored: type, stored: type });
const asText = (): ComparedAs => as('text');
const asFormer = (former: string): ComparedAs => as(former.replace(/\(\d\)/, ''));

const LOSSY_CHANGES: readonly LossyChange[] = [
  { from: /^real$/, to: /^double precision$/, comparedAs: asFormer },
  // `numeric` holds every number exactly, as its text says.
  { from: NUMBER, to: NUMBER, comparedAs: () => as('numeric') },
  {
    from: NUMBER,
    to: /^money$/,
    comparedAs: () => ({ restored: 'money::numeric', stored: 'numeric' }),
  },
  {
    from: /^money$/,
    to: NUMERIC,
    comparedAs: () => ({ restored: 'numeric', stored: 'money::numeric' }),
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
    to: CHARACTER,
    comparedAs: () => ({ restored: 'bpchar::text', stored: 'text' }),
  },
  // Trailing blanks have no meaning in `character`, and none when two of its values are compared.
  { from: /^character\(\d+\)$/, to: SHORT_TEXT, comparedAs: () => as('bpchar') },
  { from: /./, to: SHORT_TEXT, comparedAs: asText },
  { from: INTEGER, to: /^oid$/, comparedAs: asText },
];

/**
 * Changes of a type without USING for which PostgreSQL's cast gives another value than the former
 * type's text does: `true` instead of `t`, or a value where the text would be refused.
 */
const CASTS: readonly Pick<LossyChange, 'from' | 'to'>[] = [
  { from: /^boolean$/, to: TEXT_FROM_4 },
  { from: NUMBER, to: INTEGER },
  { from: /^real$/, to: /^double precision$/ },
  { from: CHARACTER, to: TEXT },
  { from: CHARACTER, to: /^name$/ },
  { from: ADDRESS, to: ANY_TEXT },
  { from: /^money$/, to: NUMERIC },
  { from: /^box$/, to: /^polygon$/ },
  { from: /^point$/, to: /^box$/ },
];

const LIST = '[]';

/** What a changed type means for the values of a backup. */
export interface ChangedType {
  /** The former type, if values are read as it first and then cast. */
  readAs?: string;
  /** If the type of today may have rounded or cut the value: how the two values are compared. */
  comparedAs?: ComparedAs;
}

/**
 * How the values of a column are restored and compared if its type has changed since the backup.
 *
 * @param former the type in the backup, and today's, as `format_type` names them
 */
export const changedTypeOf = (former: string, today: string): ChangedType => {
  const isList = former.endsWith(LIST);
  if (today.endsWith(LIST) !== isList) return {};
  const [from = '', to = ''] = [former, today].map((type) =>
    isList ? type.slice(0, -LIST.length) : type,
  );
  const isThis = (one: Pick<LossyChange, 'from' | 'to'>) => one.from.test(from) && one.to.test(to);
  const compared = LOSSY_CHANGES.find(isThis)?.comparedAs(from);
  return {
    ...(CASTS.some(isThis) && { readAs: former }),
    ...(compared && { comparedAs: isList ? listsOf(compared) : compared }),
  };
};

const listsOf = ({ restored, stored }: ComparedAs): ComparedAs => ({
  restored: listOf(restored),
  stored: listOf(stored),
});

/** Casts of single values as casts of lists. */
const listOf = (casts: string): string => casts.replaceAll(/[^:]+/g, `$&${LIST}`);
