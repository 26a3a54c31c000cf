const MIB = 1024 * 1024;

/** Default limit of a body, in bytes. */
export const BODY_LIMIT_BYTES = MIB;

/** A key in JSON. Callers without a key send this body. */
export const SIGN_IN_BODY_LIMIT_BYTES = 8 * 1024;

/** 1,000 users at once, with long custom properties. */
export const USERS_BODY_LIMIT_BYTES = 5 * MIB;

/** 10,000 ids of 255 characters of up to four bytes, with quotes and commas. */
export const SELECTION_BODY_LIMIT_BYTES = 12 * MIB;

/** Largest file of an import, in bytes, compressed or not. */
export const IMPORT_MAX_BYTES = 2 * 1024 * MIB;

/** Concurrent uploads to one API process, and those of one workspace. */
export const MAX_UPLOADS_AT_ONCE = 16;
export const MAX_UPLOADS_OF_WORKSPACE = 5;

/**
 * Concurrent downloads of logs and other CSV, and those of one workspace. Each download holds a
 * database connection.
 */
export const MAX_LOGS_AT_ONCE = 6;
export const MAX_LOGS_OF_WORKSPACE = 2;

/**
 * Concurrent summaries of records, and those of one workspace. Each reads all outcomes of a job,
 * and a page may ask for one at each step of the job.
 */
export const MAX_SUMMARIES_AT_ONCE = 6;
export const MAX_SUMMARIES_OF_WORKSPACE = 2;

/**
 * Timeouts of the database health check, and of the Prometheus metrics, which read whole tables.
 */
export const HEALTH_TIMEOUTS = { statement_timeout: '2s', lock_timeout: '1s' } as const;
export const FIGURES_TIMEOUTS = { statement_timeout: '10s', lock_timeout: '1s' } as const;

/**
 * Database limits of requests. A workspace whose tables are locked cannot use up all connections.
 */
export const DATABASE_LIMITS = {
  maxConnections: 20,
  timeouts: { statement_timeout: '1min', lock_timeout: '10s' },
  shares: { each: 5, maxWaiting: 2_000, waitMs: 10_000 },
} as const;

/**
 * Longest time for an exact count of users, including the wait for its turn, in milliseconds. After
 * this time the list or the overview answers without a count.
 */
export const COUNT_DEADLINE_MS = 5_000;

/**
 * Concurrent exact counts of one API process, and those of one workspace. They have connections of
 * their own: a count reads all users of a workspace, and a page may ask for one at each key press.
 */
export const MAX_COUNTS_AT_ONCE = 2;
export const MAX_COUNTS_OF_WORKSPACE = 1;

/** Requests that may wait for a count. Further requests are answered without a count. */
export const MAX_WAITING_COUNTS = 200;
export const MAX_WAITING_COUNTS_OF_WORKSPACE = 10;

/** A little longer than the deadline of a count, which PostgreSQL checks for each statement. */
export const COUNT_TIMEOUTS = { statement_timeout: '10s', lock_timeout: '5s' } as const;

/** Largest URL and headers together, in bytes. A URL may contain a filter. */
export const HEADERS_LIMIT_BYTES = 64 * 1024;

/** Time for the headers to arrive. They fit into a few packets. */
export const HEADERS_TIMEOUT_MS = 10_000;

/**
 * How often connections are checked for requests that arrive too slowly; Node's default of 30 s is
 * too long.
 */
export const CONNECTION_CHECK_MS = 5_000;

/** Time for a body to arrive: 12 MiB over a slow connection. */
export const BODY_TIMEOUT_MS = 60_000;

/** Time for an upload to arrive: 2 GiB at 5 Mbit/s. */
const UPLOAD_TIMEOUT_MS = 60 * 60_000;

/** Bytes of an upload that must arrive in each `BODY_TIMEOUT_MS`: 1 KiB a second. */
export const UPLOAD_MIN_BYTES = 60 * 1024;

/** An id of 255 characters, each four bytes, each byte written as `%XX`. */
const MAX_PARAM_LENGTH = 255 * 12;

export const HTTP_LIMITS = {
  /**
   * Node has one timeout for all requests. body-deadline.ts cuts off other requests sooner.
   */
  requestTimeout: UPLOAD_TIMEOUT_MS,
  /** Idle time of a socket; longer than `Prefer: wait=30` and the slowest first byte of a log. */
  connectionTimeout: 120_000,
  /**
   * Longer than the 60 s after which common proxies drop an idle connection, so they close first.
   */
  keepAliveTimeout: 72_000,
  routerOptions: { maxParamLength: MAX_PARAM_LENGTH },
};
