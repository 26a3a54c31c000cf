/** The word with a capital first letter, as in `startDeletion`. */
export const capitalized = <Word extends string>(word: Word): Capitalize<Word> =>
  `${word.charAt(0).toUpperCase()}${word.slice(1)}` as Capitalize<Word>;
