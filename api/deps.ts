import type { Config } from '../config.ts';
import type { Database } from '../db/client.ts';
import type { Storage } from '../storage/storage.ts';
import type { RequestSender } from './delete-all/request-workflows.ts';
import type { JobStarter } from './jobs/job-workflows.ts';

/** What the routes of the API work with. */
export interface ApiDeps {
  database: Database;
  /** A connection that nothing but the question for readiness uses; `database` when not given. */
  health?: Database;
  /** Likewise one for the figures of `/metrics`. */
  figures?: Database;
  storage: Storage;
  jobs: JobStarter;
  requests: RequestSender;
  config: Pick<
    Config,
    | 'publicUrl'
    | 'taskQueue'
    | 'temporalUiUrl'
    | 'linkSecret'
    | 'rateLimitPerMinute'
    | 'trustedProxies'
    | 'webhookAllowPrivate'
  >;
  logLevel: Config['logLevel'];
  /** Where log lines go; standard output when not given. */
  logStream?: { write: (line: string) => void };
}
