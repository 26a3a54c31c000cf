/** A JSON pointer (RFC 6901) to a place in the body. The whole body is the empty text. */
export const pointerOf = (path: readonly PropertyKey[]): string =>
  path.map((step) => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
