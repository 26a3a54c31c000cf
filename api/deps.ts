import type { Config } from '../config.ts';
import type { Database } from '../db/client.ts';
import type { Storage } from '../storage/storage.ts';
import type { RequestWorkflows } from './delete-all/request-workflows.ts';
import type { JobWorkflows } from './jobs/job-workflows.ts';

/** Dependencies of the API routes. */
export interface ApiDeps {
  database: Database;
  /** A connection only for the readiness check; the default is `database`. */
  health?: Database;
  /** A connection only for `/metrics`; the default is `database`. */
  figures?: Database;
  /** Connections only for exact counts; the default is `database`. */
  counts?: Database;
  storage: Storage;
  jobs: JobWorkflows;
  requests: RequestWorkflows;
  config: Pick<
    Config,
    | 'publicUrl'
    | 'taskQueue'
    | 'temporalUiUrl'
    | 'linkSecret'
    | 'rateLimitPerMinute'
    | 'trustedProxies'
    | 'webhookAllowPrivate'
  > &
    Partial<Pick<Config, 'consoleDir'>>;
  logLevel: Config['logLevel'];
  /** Destination of log lines; the default is standard output. */
  logStream?: { write: (line: string) => void };
}
