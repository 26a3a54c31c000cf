import type pg from 'pg';
import type { Database } from '../db/client.ts';
import type { Storage } from '../storage/storage.ts';
import type { ImportThreads } from './imports/import-threads.ts';
import type { Post } from '../webhooks/post.ts';
import type { DeliveryMeter, Meter } from './meter.ts';

/** The points at which a fault test kills the worker. */
export type CrashPoint =
  | 'export:attempt-recorded'
  | 'export:part-written'
  | 'export:snapshot-committed'
  | 'export:verified'
  | 'delete:batch-open'
  | 'delete:batch-committed'
  | 'restore:chunk-open'
  | 'restore:chunk-committed'
  | 'import:chunk-open'
  | 'import:chunk-committed'
  | 'destroy:row-removed';

export interface ActivityDeps {
  database: Database;
  /**
   * A separate pool for exports, deletions, restores and imports. An export that holds a snapshot
   * must not wait for a connection that waits for the export.
   */
  lanes: pg.Pool;
  storage: Storage;
  /** Worker threads that read the files of imports. */
  importThreads: ImportThreads;
  meter: Meter;
  /** Does nothing, except in the worker of a fault test: there it kills the process. */
  crashPoint: (point: CrashPoint) => void;
}

/** Further dependencies for sending webhooks. */
export interface WebhookDeps {
  webhooks: { post: Post; meter: DeliveryMeter };
}
