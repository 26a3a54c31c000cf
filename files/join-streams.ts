import { pipeline, type Readable, type Transform } from 'node:stream';

/**
 * Joins streams. What breaks any of them is thrown to who reads the last; who leaves that one
 * closes all of them.
 */
export const chain = (first: Readable, ...rest: Transform[]): Readable => {
  pipeline([first, ...rest], () => {});
  return rest.at(-1) ?? first;
};
