import type { Rule } from '../../../imports/rules.ts';

/** Reasons that are one word each. */
const WORDS: Readonly<Record<string, string>> = {
  refused: 'A trigger of the database refuses it.',
  locked: 'Other work held the user in each try.',
  stampedElsewhere: 'The row was loaded from another server.',
  noLongerMatches: 'Changed, and no longer matches the selection.',
  changesOthers: 'It would change or delete other users.',
  notDeleted: 'No user with this address was deleted by this job.',
  ambiguous: 'Several users had this address.',
};

const CONSTRAINT = /^constraint (.+)$/;
const RAISED = /^SQLSTATE (\w{5}), raised by (.+)$/;
const CHANGED = /^changedOnInsert (.+)$/;

/** Why a user was not deleted or restored, in a sentence. The names in it are of the database. */
export const reasonWordsOf = (reason: string): string => {
  const word = WORDS[reason];
  if (word !== undefined) return word;
  const [, constraint] = CONSTRAINT.exec(reason) ?? [];
  if (constraint !== undefined) return `Other data or a rule needs it as it is: ${constraint}.`;
  const [, code, raiser] = RAISED.exec(reason) ?? [];
  if (raiser !== undefined) return `A trigger refuses it: ${raiser}, SQLSTATE ${code}.`;
  const [, columns] = CHANGED.exec(reason) ?? [];
  if (columns !== undefined)
    return `A trigger or another type of the column would change it: ${columns}.`;
  return reason.startsWith('SQLSTATE ') ? `The database refuses it: ${reason}.` : reason;
};

/** The rules that a line of an import may break. */
export const RULE_WORDS: Readonly<Record<Rule, string>> = {
  tooLong: 'Too long',
  mailAddress: 'Not a mail address',
  phone: 'Not a phone number',
  url: 'Not a web address',
  number: 'Not a number',
  boolean: 'Not true or false',
  date: 'Not a date',
  time: 'Not a time of day',
  datetime: 'Not a date with a time',
  list: 'Not a list',
  notStorable: 'A character that cannot be stored',
  invisibleCharacter: 'An invisible character',
  required: 'Missing',
  tooManyTags: 'Too many tags',
  cellCount: 'Too many or too few cells',
  repeatedHeader: 'The header again',
  separatorLine: 'A line about the separator',
  byteOrderMark: 'A byte-order mark in the file',
  unknownUser: 'No such user',
  ambiguousUser: 'Several users match',
  held: 'Under legal hold',
  rejected: 'Refused by the database',
};
