import { type RawBuilder, sql } from 'kysely';

/** Whose doings are asked for: at most one of the two. */
export interface ActorFilter {
  /** A key, as it is shown. */
  actorKeyId?: string | undefined;
  /** A key, as it is shown; all keys of its owner, who is known by the mail address, are meant. */
  personKeyId?: string | undefined;
}

/** A query of the ids of the keys that are meant; undefined when any is. */
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
