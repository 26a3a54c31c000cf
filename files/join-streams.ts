import { pipeline, type Readable, type Transform } from 'node:stream';

/**
 * Pipes streams together. An error in any of them is raised by the last one; destroying the last
 * one closes all.
 */
export const chain = (first: Readable, ...rest: Transform[]): Readable => {
  pipeline([first, ...rest], () => {});
  return rest.at(-1) ?? first;
};
