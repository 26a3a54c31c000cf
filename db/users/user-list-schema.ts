import type { ColumnType } from 'kysely';
import type { MatchBy } from '../../selection/selection.ts';
import type { CreatedAt, Nullable } from '../column-types.ts';

/** The tables of uploaded lists of users, and of the users that previews of lists have found. */
export interface UserListSchema {
  user_lists: {
    id: string;
    workspace_id: string;
    actor_key_id: string;
    match_by: MatchBy;
    entries: Nullable<number>;
    repeated: Nullable<number>;
    empty: Nullable<number>;
    idempotency_key: Nullable<string>;
    request_hash: Nullable<string>;
    created_at: CreatedAt;
    completed_at: Nullable<Date>;
    expires_at: ColumnType<Date, never, never>;
  };
  user_list_entries: { list_id: string; key: string; line: number; entry: string };
  preview_targets: { preview_id: string; user_id: string };
}
