import { type RawBuilder, sql } from 'kysely';
import type { Db } from './client.ts';

/** Selects lines by their actor. */
export interface ActorFilter {
  /** The public id of a key. */
  actorKeyId?: string | undefined;
  /** The public id of a key; selects all keys of the same owner, by the owner's email address. */
  personKeyId?: string | undefined;
}

/**
 * A query of the ids of the selected keys. Undefined when the filter selects no actor. If both ids
 * are set, the query returns the keys that match both.
 */
export const keysOf = ({
  actorKeyId,
  personKeyId,
}: ActorFilter): RawBuilder<string> | undefined => {
  const shown = sql`SELECT id FROM api_keys WHERE shown_id = ${actorKeyId}::uuid`;
  const ofPerson = sql`SELECT same.id FROM api_keys same
    JOIN api_keys named ON named.person = same.person
   WHERE named.shown_id = ${personKeyId}::uuid`;
  if (actorKeyId === undefined) return personKeyId === undefined ? undefined : sql`${ofPerson}`;
  return personKeyId === undefined ? sql`${shown}` : sql`${shown} INTERSECT ${ofPerson}`;
};

/** The owner of a key: the same text for all keys of a person. */
export const personOfKey = async (db: Db, keyId: string): Promise<string> => {
  const { person } = await db
    .selectFrom('api_keys')
    .select('person')
    .where('id', '=', keyId)
    .executeTakeFirstOrThrow();
  return person;
};
