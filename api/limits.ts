const MIB = 1024 * 1024;

/** Largest body where a route says nothing else, in bytes. */
export const BODY_LIMIT_BYTES = MIB;

/** 1,000 users at once, with long custom properties. */
export const USERS_BODY_LIMIT_BYTES = 5 * MIB;

/** 10,000 ids of 255 characters of up to four bytes, with quotes and commas. */
export const SELECTION_BODY_LIMIT_BYTES = 12 * MIB;

/** Largest address and headers together, in bytes: a filter may stand in an address. */
export const HEADERS_LIMIT_BYTES = 64 * 1024;

/** Time for the headers to arrive: they fit into one packet or a few. */
export const HEADERS_TIMEOUT_MS = 10_000;

/** How often connections are looked over for requests that arrive too slowly; Node's 30 s are long. */
export const CONNECTION_CHECK_MS = 5_000;

/** An id of 255 characters, each four bytes, each byte written as `%XX`. */
const MAX_PARAM_LENGTH = 255 * 12;

export const HTTP_LIMITS = {
  /** Time for a whole request to arrive: 12 MiB over a slow line, but no connection held open for ever. */
  requestTimeout: 60_000,
  /** Silence on a socket; longer than `Prefer: wait=30` and the slowest first byte of a log. */
  connectionTimeout: 120_000,
  /** Longer than the 60 s after which common proxies drop an idle connection, so they close first. */
  keepAliveTimeout: 72_000,
  routerOptions: { maxParamLength: MAX_PARAM_LENGTH },
};
