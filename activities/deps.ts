import type pg from 'pg';
import type { Database } from '../db/client.ts';
import type { Storage } from '../storage/storage.ts';
import type { ImportThreads } from './imports/import-threads.ts';
import type { Post } from '../webhooks/post.ts';
import type { DeliveryMeter, Meter } from './meter.ts';

/** Places where a fault test kills the worker. */
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
   * Connections of their own for exports and deletions: an export that holds a snapshot must never
   * wait for a connection that waits for it.
   */
  lanes: pg.Pool;
  storage: Storage;
  /** Read the files of imports. */
  importThreads: ImportThreads;
  meter: Meter;
  /** Does nothing; only the worker of a fault test has one that kills. */
  crashPoint: (point: CrashPoint) => void;
}

/** What sending webhooks takes beside. */
export interface WebhookDeps {
  webhooks: { post: Post; meter: DeliveryMeter };
}
