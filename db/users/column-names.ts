/** What the API and the header of a backup call a column: `first_name` is `firstName`. */
export const apiNameOf = (column: string): string =>
  column.replace(/_([a-z])/g, (_match, letter: string) => letter.toUpperCase());
