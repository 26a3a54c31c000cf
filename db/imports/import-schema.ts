import type { Generated } from 'kysely';
import type { CreatedAt, Json, Nullable } from '../column-types.ts';

/** Tables of imports. */
export interface ImportSchema {
  import_files: {
    id: string;
    workspace_id: string;
    bytes: number;
    sha256: string;
    created_at: CreatedAt;
    expires_at: Date;
    removed_at: Nullable<Date>;
    destroyed_at: Nullable<Date>;
  };
  import_failures: { job_id: string; line: number; payload: string; code: string; message: string };
  import_chunks: {
    job_id: string;
    chunk: number;
    lines: number;
    imported: number;
    merged: number;
    unchanged: number;
    skipped: number;
    failed: number;
    held: Generated<number>;
    committed_at: Generated<Date>;
  };
  import_mappings: {
    workspace_id: string;
    name: string;
    columns: Json;
    created_at: CreatedAt;
    updated_at: Generated<Date>;
  };
  import_problems: {
    job_id: string;
    field: string;
    rule: string;
    count: number;
    first_line: number;
  };
  import_cleared: { job_id: string; field: string; count: number };
}
