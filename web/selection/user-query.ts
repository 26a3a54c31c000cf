/** The conditions of a list of users, all of which must match. Without one, all users match. */
export interface UserQuery {
  q?: string | undefined;
  segmentId?: string | undefined;
  /** A filter as JSON. One from an address may be broken: then the API refuses the query. */
  filter?: unknown;
}

export const hasCondition = ({ q, segmentId, filter }: UserQuery): boolean =>
  q !== undefined || segmentId !== undefined || filter !== undefined;

/**
 * Tells queries apart without their text, which may hold data of users: the storage of the browser
 * keeps this in place of it.
 */
export const queryIdOf = ({ q, segmentId, filter }: UserQuery): string =>
  hash(JSON.stringify([q ?? null, segmentId ?? null, filter ?? null]));

/** 53 bits (cyrb53). The selection is of the query in the address, so this need not be secret. */
const hash = (text: string): string => {
  let high = 0xdeadbeef;
  let low = 0x41c6ce57;
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    high = Math.imul(high ^ code, 2_654_435_761);
    low = Math.imul(low ^ code, 1_597_334_677);
  }
  high =
    Math.imul(high ^ (high >>> 16), 2_246_822_507) ^ Math.imul(low ^ (low >>> 13), 3_266_489_909);
  low =
    Math.imul(low ^ (low >>> 16), 2_246_822_507) ^ Math.imul(high ^ (high >>> 13), 3_266_489_909);
  return (4_294_967_296 * (2_097_151 & low) + (high >>> 0)).toString(16);
};
