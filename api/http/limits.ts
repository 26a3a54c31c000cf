const MIB = 1024 * 1024;

/** Largest body where a route says nothing else, in bytes. */
export const BODY_LIMIT_BYTES = MIB;

/** 1,000 users at once, with long custom properties. */
export const USERS_BODY_LIMIT_BYTES = 5 * MIB;

/** 10,000 ids of 255 characters of up to four bytes, with quotes and commas. */
export const SELECTION_BODY_LIMIT_BYTES = 12 * MIB;

/** Largest file of an import, in bytes, packed or not. */
export const IMPORT_MAX_BYTES = 2 * 1024 * MIB;

/** Uploads at the same time to one API, and of these those of one workspace. */
export const MAX_UPLOADS_AT_ONCE = 16;
export const MAX_UPLOADS_OF_WORKSPACE = 5;

/**
 * Logs and other CSV sent at the same time, and of these those of one workspace: each holds a
 * connection.
 */
export const MAX_LOGS_AT_ONCE = 6;
export const MAX_LOGS_OF_WORKSPACE = 2;

/**
 * Of the question whether the database is there, and of the figures for Prometheus, which read
 * whole tables.
 */
export const HEALTH_TIMEOUTS = { statement_timeout: '2s', lock_timeout: '1s' } as const;
export const FIGURES_TIMEOUTS = { statement_timeout: '10s', lock_timeout: '1s' } as const;

/**
 * What requests may take of the database: a workspace whose tables are locked leaves the rest to
 * others.
 */
export const DATABASE_LIMITS = {
  maxConnections: 20,
  timeouts: { statement_timeout: '1min', lock_timeout: '10s' },
  shares: { each: 5, maxWaiting: 2_000, waitMs: 10_000 },
} as const;

/** Largest address and headers together, in bytes: a filter may stand in an address. */
export const HEADERS_LIMIT_BYTES = 64 * 1024;

/** Time for the headers to arrive: they fit into one packet or a few. */
export const HEADERS_TIMEOUT_MS = 10_000;

/**
 * How often connections are looked over for requests that arrive too slowly; Node's 30 s are long.
 */
export const CONNECTION_CHECK_MS = 5_000;

/** Time for a body to arrive: 12 MiB over a slow line, but no connection held open for ever. */
export const BODY_TIMEOUT_MS = 60_000;

/** Time for an upload to arrive: 2 GiB at 5 Mbit/s, or less over a worse line. */
const UPLOAD_TIMEOUT_MS = 60 * 60_000;

/** Of an upload so many bytes must come in each `BODY_TIMEOUT_MS`: 1 KiB a second. */
export const UPLOAD_MIN_BYTES = 60 * 1024;

/** An id of 255 characters, each four bytes, each byte written as `%XX`. */
const MAX_PARAM_LENGTH = 255 * 12;

export const HTTP_LIMITS = {
  /**
   * Node knows one time for all requests; what is no upload is cut off sooner, in body-deadline.ts.
   */
  requestTimeout: UPLOAD_TIMEOUT_MS,
  /** Silence on a socket; longer than `Prefer: wait=30` and the slowest first byte of a log. */
  connectionTimeout: 120_000,
  /**
   * Longer than the 60 s after which common proxies drop an idle connection, so they close first.
   */
  keepAliveTimeout: 72_000,
  routerOptions: { maxParamLength: MAX_PARAM_LENGTH },
};
