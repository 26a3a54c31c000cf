/**
 * Every kind of error the API answers with; `docs/errors.md` and `/problems/<slug>` tell the same.
 */

interface ProblemType {
  status: number;
  title: string;
  /** What the caller can do about it. */
  advice: string;
}

const catalogue = {
  'invalid-request': {
    status: 400,
    title: 'The request is malformed',
    advice:
      'Correct each place that `errors` names, then send the request again. `pointer` says where it is.',
  },
  'malformed-json': {
    status: 400,
    title: 'The body is not valid JSON',
    advice: 'Send one well-formed JSON value in UTF-8. Write each name of an object once.',
  },
  'workspace-required': {
    status: 400,
    title: 'No workspace is named',
    advice: 'Name the workspace with `?workspace=<id>`. Your key sees several.',
  },
  unauthenticated: {
    status: 401,
    title: 'No valid API key',
    advice:
      'Send `Authorization: Bearer ks_…` with a key that was not revoked and has not expired.',
  },
  forbidden: {
    status: 403,
    title: 'Your role may not do this',
    advice: 'Use a key of a role that `detail` names.',
  },
  'self-approval': {
    status: 403,
    title: 'Nobody decides what they asked for themselves',
    advice: 'Ask another person of the platform team to approve or deny the request.',
  },
  'self-purge': {
    status: 403,
    title: 'Nobody purges the backup of a deletion that they started',
    advice:
      'Ask another person of the platform team to purge it. Their key must have another mail address.',
  },
  'not-found': {
    status: 404,
    title: 'There is no such thing',
    advice:
      'Check the path and the id. Use a key of the right workspace: things of other workspaces are not found.',
  },
  'method-not-allowed': {
    status: 405,
    title: 'This path does not allow the method',
    advice: 'Use one of the methods in the `Allow` header.',
  },
  'request-timeout': {
    status: 408,
    title: 'The request took too long to arrive',
    advice: 'Send the request again, faster or in smaller pieces.',
  },
  'already-exists': {
    status: 409,
    title: 'There is one already',
    advice: 'Choose another name, or use the one that is there.',
  },
  'limit-reached': {
    status: 409,
    title: 'There are as many as there may be',
    advice:
      'Remove one that you do not need, or use one that is there. Wait where `detail` says so.',
  },
  'wrong-state': {
    status: 409,
    title: 'Its state does not allow this',
    advice:
      'Read the current state, then do what `detail` says. A finished job cannot be changed, and a preview is used once.',
  },
  'selection-changed': {
    status: 409,
    title: 'The count to confirm is not the count of the preview',
    advice: 'Make a new preview, look at it, and confirm its count.',
  },
  'delete-all-required': {
    status: 409,
    title: 'This selection covers nearly the whole workspace',
    advice:
      'Choose a smaller selection. To delete nearly everyone, ask with `POST /v1/delete-all-requests`.',
  },
  'request-already-open': {
    status: 409,
    title: 'The workspace has a delete-all request already',
    advice: 'Go on with the request that `detail` names, or withdraw it first.',
  },
  'user-held': {
    status: 409,
    title: 'The user is under legal hold',
    advice:
      'Ask the platform team to clear the hold, then delete the user again. Nobody was deleted.',
  },
  'link-expired': {
    status: 410,
    title: 'The link or file has expired',
    advice: 'Make a new link. If the file has expired too, export again.',
  },
  gone: {
    status: 410,
    title: 'It was removed and is gone for good',
    advice:
      'Read what remains: counts, times and checksums are in its job and the activity log. Nothing brings back what was removed.',
  },
  'preview-expired': {
    status: 410,
    title: 'The preview has expired',
    advice: 'Make a new preview, and confirm it within 15 minutes.',
  },
  'window-closed': {
    status: 410,
    title: 'The window for deleting all users is closed',
    advice:
      'Ask for a new window with `POST /v1/delete-all-requests`. This call has started nothing.',
  },
  'body-too-large': {
    status: 413,
    title: 'The body is too large',
    advice: 'Send less at a time.',
  },
  'uri-too-long': {
    status: 414,
    title: 'The address is too long',
    advice: 'Shorten the path or the query.',
  },
  'unsupported-media-type': {
    status: 415,
    title: 'The body is of a type this path does not read',
    advice: 'Send the type that `detail` names, without `Content-Encoding`.',
  },
  'range-not-satisfiable': {
    status: 416,
    title: 'The range lies outside the file',
    advice: 'Ask for a range within the size that `Content-Range` names.',
  },
  unprocessable: {
    status: 422,
    title: 'The request is well-formed but makes no sense here',
    advice: 'Correct what `detail` and `errors` name, then send the request again.',
  },
  'empty-selection': {
    status: 422,
    title: 'The selection matches nobody',
    advice:
      'Choose another selection and preview it. This one selects nobody, so there is nothing to do.',
  },
  'wrong-phrase': {
    status: 422,
    title: 'The confirmation phrase does not match',
    advice: 'Type the phrase exactly as the preview gives it, with its number.',
  },
  'idempotency-key-reused': {
    status: 422,
    title: 'This idempotency key was used for another request',
    advice:
      'Send a new request with a new key. Use the same key only to send the very same request again.',
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
    title: 'Something went wrong on our side',
    advice:
      'Send the request again with the same idempotency key. If it fails again, report the `requestId`.',
  },
  'database-unavailable': {
    status: 503,
    title: 'The database is away',
    advice:
      'Wait the seconds in `Retry-After`, then send the request again with the same idempotency key.',
  },
  'database-unfit': {
    status: 503,
    title: 'The database is not set up as Keepsake needs it',
    advice:
      'Ask an operator to correct the setting that `detail` names, then send the request again. Nothing was changed.',
  },
  'database-denied': {
    status: 503,
    title: 'The database denies the service what it needs',
    advice:
      'Ask an operator to restore the grants of the roles `keepsake_app` and `keepsake_api`, then send the request again.',
  },
  'temporal-unavailable': {
    status: 503,
    title: 'Temporal is away',
    advice:
      'Wait the seconds in `Retry-After`, then send the request again with the same idempotency key.',
  },
  'storage-unavailable': {
    status: 503,
    title: 'The file cannot be kept or read at the moment',
    advice: 'Wait the seconds in `Retry-After`, then send the request again. Nothing was started.',
  },
  busy: {
    status: 503,
    title: 'Other work holds what this needs',
    advice:
      'Wait the seconds in `Retry-After`. Send the request again with the same idempotency key: it is done once. ' +
      'Without a key, look first whether it was done.',
  },
  'not-ready': {
    status: 503,
    title: 'A part of the service is missing',
    advice: 'Ask an operator to start what `detail` names, then ask `/readyz` again.',
  },
} as const satisfies Record<string, ProblemType>;

export type ProblemSlug = keyof typeof catalogue;

export const PROBLEMS: Readonly<Record<ProblemSlug, ProblemType>> = catalogue;

/**
 * One place of the input that is wrong. `pointer` is a JSON pointer into the body, or `?name`,
 * `{name}`.
 */
export interface InputError {
  detail: string;
  pointer: string;
}

/** An error that is answered as RFC 9457 says. */
export interface ProblemError extends Error {
  slug: ProblemSlug;
  statusCode: number;
  detail: string;
  errors: InputError[];
  headers: Record<string, string>;
}

export interface ProblemExtras {
  errors?: InputError[];
  headers?: Record<string, string>;
  /** What went wrong below; logged, never answered. */
  cause?: unknown;
}

/** Seconds after which a caller may try again when a part of the service is away. */
export const RETRY_AFTER_SECONDS = 5;

/**
 * Makes an error to throw. `detail` says what failed, for which id, why, what to do; no user's
 * data.
 */
export const problem = (
  slug: ProblemSlug,
  detail: string,
  { errors = [], headers = {}, cause }: ProblemExtras = {},
): ProblemError => {
  const { status } = PROBLEMS[slug];
  const retry = status === 503 ? { 'retry-after': String(RETRY_AFTER_SECONDS) } : {};
  return Object.assign(new Error(detail, { cause }), {
    name: 'ProblemError',
    slug,
    statusCode: status,
    detail,
    errors,
    headers: { ...retry, ...headers },
  });
};

export const isProblem = (error: unknown): error is ProblemError =>
  error instanceof Error && error.name === 'ProblemError';

/** Bad input at one or more places of the request. */
export const invalidRequest = (errors: InputError[]): ProblemError =>
  problem(
    'invalid-request',
    errors.length === 1
      ? `${errors[0]?.pointer || 'the body'}: ${errors[0]?.detail}`
      : `${errors.length} places of the request are wrong; see errors.`,
    { errors },
  );

/** What is not there, or belongs to another workspace. */
export const notFound = (what: string): ProblemError =>
  problem(
    'not-found',
    `There is no such ${what}${what === 'workspace' ? '' : ' in this workspace'}.`,
  );
