/**
 * Types of PostgreSQL that round or cut a value of another type in their group without an error, as
 * `format_type` names them.
 */
const GROUPS: readonly { members: RegExp; comparedAs: (former: string) => string }[] = [
  {
    members: /^(?:smallint|integer|bigint|real|double precision|numeric(?:\([\d,-]+\))?)$/,
    // It holds every number exactly, as its text says.
    comparedAs: () => 'numeric',
  },
  {
    members: /^(?:date|timestamp(?:\(\d\))? with(?:out)? time zone)$/,
    comparedAs: (former) => former.replace(/\(\d\)/, ''),
  },
  {
    members: /^time(?:\(\d\))? with(?:out)? time zone$/,
    comparedAs: (former) => former.replace(/\(\d\)/, ''),
  },
  { members: /^interval(?:[ (].*)?$/, comparedAs: () => 'interval' },
];

const LIST = '[]';

/**
 * The type by which to compare the text of a restored value with the text in the backup, if the
 * column's type of today may have rounded the value. Undefined for all other changes of a type.
 */
export const comparedTypeOf = (former: string, today: string): string | undefined => {
  const isList = former.endsWith(LIST);
  if (today.endsWith(LIST) !== isList) return undefined;
  const [from, to] = [former, today].map((type) => (isList ? type.slice(0, -LIST.length) : type));
  const group = GROUPS.find(({ members }) => members.test(from ?? '') && members.test(to ?? ''));
  return group && group.comparedAs(from ?? '') + (isList ? LIST : '');
};
