/** The API's name of a column, also used in the header of a backup: `first_name` is `firstName`. */
export const apiNameOf = (column: string): string =>
  column.replace(/_([a-z])/g, (_match, letter: string) => letter.toUpperCase());
