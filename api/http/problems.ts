import { PREVIEW_MINUTES } from '../../rules/retention.ts';

/**
 * Every type of problem the API returns; `docs/errors.md` and `/problems/<slug>` show the same.
 */

interface ProblemType {
  status: number;
  title: string;
  /** How the caller can resolve the problem. */
  advice: string;
}

const catalogue = {
  'invalid-request': {
    status: 400,
    title: 'The request is malformed',
    advice:
      'Correct each error in `errors`, then send the request again. `pointer` locates the error.',
  },
  'malformed-json': {
    status: 400,
    title: 'The body is not valid JSON',
    advice: 'Send one well-formed JSON value in UTF-8. Do not repeat a name within an object.',
  },
  'workspace-required': {
    status: 400,
    title: 'A workspace is required',
    advice: 'Name the workspace with `?workspace=<id>`. Your key can access several workspaces.',
  },
  unauthenticated: {
    status: 401,
    title: 'The API key or session is missing or not valid',
    advice:
      'Send `Authorization: Bearer ks_…` with a key that is neither revoked nor expired. Sign in again if you use a session.',
  },
  forbidden: {
    status: 403,
    title: 'Your role does not allow this',
    advice: 'Use a key with a role that `detail` names.',
  },
  'csrf-token-invalid': {
    status: 403,
    title: 'The CSRF token is missing or not valid',
    advice: 'Send `csrfToken` of `GET /v1/session` in the header `X-CSRF-Token`.',
  },
  'cross-site-request': {
    status: 403,
    title: 'The request came from another site',
    advice:
      'Send the request from a page of the API itself, at the address in `PUBLIC_URL`. Use a key in a program.',
  },
  'self-approval': {
    status: 403,
    title: 'You cannot decide your own request',
    advice: 'Ask another person of the platform team to approve or deny the request.',
  },
  'self-purge': {
    status: 403,
    title: 'You cannot purge the backup of your own deletion',
    advice:
      'Ask another person of the platform team to purge the backup. Their key must have another email address.',
  },
  'not-found': {
    status: 404,
    title: 'Not found',
    advice:
      'Check the path and the id. Use a key of the right workspace: a key finds nothing of other workspaces.',
  },
  'console-not-built': {
    status: 404,
    title: 'This API serves no console',
    advice:
      'Ask an operator to build the console and to set `CONSOLE_DIR`. `/docs` describes the API.',
  },
  'method-not-allowed': {
    status: 405,
    title: 'Method not allowed for this path',
    advice: 'Use one of the methods in the `Allow` header.',
  },
  'request-timeout': {
    status: 408,
    title: 'The request took too long to arrive',
    advice: 'Send the request again over a faster connection, or send less data per request.',
  },
  'already-exists': {
    status: 409,
    title: 'The resource already exists',
    advice: 'Choose another name, or use the existing resource.',
  },
  'limit-reached': {
    status: 409,
    title: 'The limit is reached',
    advice:
      'Remove a resource that you do not need, or use an existing resource. Wait if `detail` says so.',
  },
  'wrong-state': {
    status: 409,
    title: 'The current state does not allow this',
    advice:
      'Read the current state, then follow `detail`. A finished job cannot be changed. A preview can be used only once.',
  },
  'selection-changed': {
    status: 409,
    title: 'The confirmed count differs from the count of the preview',
    advice: 'Make a new preview, check it, and confirm its count.',
  },
  'delete-all-required': {
    status: 409,
    title: 'Nearly all users of the workspace would be deleted',
    advice:
      'Choose a smaller selection. To delete nearly all users, send `POST /v1/delete-all-requests`.',
  },
  'request-already-open': {
    status: 409,
    title: 'The workspace already has an open delete-all request',
    advice: 'Continue with the request that `detail` names, or withdraw it first.',
  },
  'user-held': {
    status: 409,
    title: 'The user is under legal hold',
    advice:
      'Ask the platform team to clear the hold, then delete the user again. No user was deleted.',
  },
  'link-expired': {
    status: 410,
    title: 'The link or file has expired',
    advice: 'Create a new link. If the file has expired too, start a new export.',
  },
  gone: {
    status: 410,
    title: 'The resource was removed permanently',
    advice:
      'Read the counts, times and checksums in the job and the activity log. Removed data cannot be recovered.',
  },
  'preview-expired': {
    status: 410,
    title: 'The preview has expired',
    advice: `Make a new preview, and confirm it within ${PREVIEW_MINUTES} minutes.`,
  },
  'window-closed': {
    status: 410,
    title: 'The window for deleting all users is closed',
    advice: 'Request a new window with `POST /v1/delete-all-requests`. This call started nothing.',
  },
  'body-too-large': {
    status: 413,
    title: 'The body is too large',
    advice: 'Send less data per request.',
  },
  'uri-too-long': {
    status: 414,
    title: 'The URL is too long',
    advice: 'Shorten the path or the query.',
  },
  'unsupported-media-type': {
    status: 415,
    title: 'This path does not accept the media type of the body',
    advice: 'Send the media type that `detail` names, without `Content-Encoding`.',
  },
  'range-not-satisfiable': {
    status: 416,
    title: 'The range is outside the file',
    advice: 'Request a range within the size that `Content-Range` names.',
  },
  'expectation-failed': {
    status: 417,
    title: 'The server cannot meet the expectation of the request',
    advice: 'Send the request again without `Expect`, or with `Expect: 100-continue`.',
  },
  unprocessable: {
    status: 422,
    title: 'The request is well-formed but cannot be processed',
    advice: 'Correct the errors in `detail` and `errors`, then send the request again.',
  },
  'empty-selection': {
    status: 422,
    title: 'The selection matches no users',
    advice: 'Choose another selection and preview it. There is nothing to do for this selection.',
  },
  'wrong-phrase': {
    status: 422,
    title: 'The confirmation phrase does not match',
    advice: 'Type the phrase exactly as the preview gives it, including the number.',
  },
  'idempotency-key-reused': {
    status: 422,
    title: 'This idempotency key was used for another request',
    advice:
      'Send a new request with a new key. Use the same key only to send the same request again.',
  },
  'too-many-requests': {
    status: 429,
    title: 'Too many requests',
    advice: 'Wait the seconds in `Retry-After`, then send the request again.',
  },
  'headers-too-large': {
    status: 431,
    title: 'The headers are too large',
    advice: 'Send fewer or shorter headers.',
  },
  internal: {
    status: 500,
    title: 'An internal error occurred',
    advice:
      'Send the request again with the same idempotency key. If the request fails again, report the `requestId`.',
  },
  'database-unavailable': {
    status: 503,
    title: 'The database is not available',
    advice:
      'Wait the seconds in `Retry-After`, then send the request again with the same idempotency key.',
  },
  'database-unfit': {
    status: 503,
    title: 'The database is not set up as Keepsake requires',
    advice:
      'Ask an operator to correct the setting that `detail` names, then send the request again. Nothing was changed.',
  },
  'database-denied': {
    status: 503,
    title: 'The database denies the service access',
    advice:
      'Ask an operator to restore the grants of the roles `keepsake_app` and `keepsake_api`, then send the request again.',
  },
  'temporal-unavailable': {
    status: 503,
    title: 'Temporal is not available',
    advice:
      'Wait the seconds in `Retry-After`, then send the request again with the same idempotency key.',
  },
  'storage-unavailable': {
    status: 503,
    title: 'The file cannot be stored or read at present',
    advice: 'Wait the seconds in `Retry-After`, then send the request again. Nothing was started.',
  },
  busy: {
    status: 503,
    title: 'Other work is using a resource that this request needs',
    advice:
      'Wait the seconds in `Retry-After`. Then send the request again with the same idempotency key: it takes effect once. ' +
      'Without a key, check first whether the request took effect.',
  },
  'not-ready': {
    status: 503,
    title: 'A part of the service is not ready',
    advice: 'Ask an operator to start the part that `detail` names, then call `/readyz` again.',
  },
} as const satisfies Record<string, ProblemType>;

export type ProblemSlug = keyof typeof catalogue;

export const PROBLEMS: Readonly<Record<ProblemSlug, ProblemType>> = catalogue;

/**
 * One error in the input. `pointer` is a JSON pointer into the body, or `?name`, or `{name}`.
 */
export interface InputError {
  detail: string;
  pointer: string;
}

/** Numbers and ids of `detail`, by name. Never user data. */
export type ProblemData = Readonly<Record<string, string | number>>;

/** An error that is returned in the format of RFC 9457. */
export interface ProblemError extends Error {
  slug: ProblemSlug;
  statusCode: number;
  detail: string;
  errors: InputError[];
  data: ProblemData | undefined;
  headers: Record<string, string>;
}

export interface ProblemExtras {
  errors?: InputError[];
  data?: ProblemData | undefined;
  headers?: Record<string, string>;
  /** The underlying error. It is logged, and never returned. */
  cause?: unknown;
}

/** Most errors in the input that a response lists. */
export const MAX_ERRORS = 100;

/** Seconds after which a caller may retry while a part of the service is not available. */
export const RETRY_AFTER_SECONDS = 5;

/**
 * Creates an error to throw. `detail` says what failed, for which id, why, and what to do.
 * It never holds user data.
 */
export const problem = (
  slug: ProblemSlug,
  detail: string,
  { errors = [], data, headers = {}, cause }: ProblemExtras = {},
): ProblemError => {
  const { status } = PROBLEMS[slug];
  const retry = status === 503 ? { 'retry-after': String(RETRY_AFTER_SECONDS) } : {};
  return Object.assign(new Error(detail, { cause }), {
    name: 'ProblemError',
    slug,
    statusCode: status,
    detail,
    errors,
    data,
    headers: { ...retry, ...headers },
  });
};

export const isProblem = (error: unknown): error is ProblemError =>
  error instanceof Error && error.name === 'ProblemError';

/** One or more errors in the input, of which the first are returned. `count`: of all errors. */
export const invalidRequest = (errors: InputError[], count = errors.length): ProblemError => {
  const listed = errors.slice(0, MAX_ERRORS);
  const first = listed.length < count ? `the first ${listed.length} in errors` : 'errors';
  return problem(
    'invalid-request',
    count === 1
      ? `${errors[0]?.pointer || 'the body'}: ${errors[0]?.detail}`
      : `The request has ${count} errors; see ${first}.`,
    { errors: listed },
  );
};

/** The thing does not exist, or belongs to another workspace. */
export const notFound = (what: string): ProblemError =>
  problem(
    'not-found',
    `There is no such ${what}${what === 'workspace' ? '' : ' in this workspace'}.`,
  );
