/** Every kind of error the API answers with; `docs/errors.md` and `/problems/<slug>` tell the same. */

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
    advice: 'Correct each place named in `errors`; `pointer` says where it is.',
  },
  'malformed-json': {
    status: 400,
    title: 'The body is not valid JSON',
    advice: 'Send one well-formed JSON value in UTF-8, without duplicate names in an object.',
  },
  'workspace-required': {
    status: 400,
    title: 'No workspace is named',
    advice: 'Your key sees several workspaces: name one with `?workspace=<id>`.',
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
    advice: 'Use a key of one of the roles named in `detail`.',
  },
  'self-approval': {
    status: 403,
    title: 'Nobody decides what they asked for themselves',
    advice: 'Somebody else of the platform team approves or denies it.',
  },
  'self-purge': {
    status: 403,
    title: 'Nobody purges the backup of a deletion that they started',
    advice: 'Another person purges it, by a key with another mail address.',
  },
  'not-found': {
    status: 404,
    title: 'There is no such thing',
    advice: 'Check the path and the id. Things of other workspaces are not found either.',
  },
  'method-not-allowed': {
    status: 405,
    title: 'This path knows other methods only',
    advice: 'Use one of the methods in the `Allow` header.',
  },
  'request-timeout': {
    status: 408,
    title: 'The request took too long to arrive',
    advice: 'Send it again, faster or in smaller pieces.',
  },
  'already-exists': {
    status: 409,
    title: 'There is one already',
    advice: 'Choose another name, or use the one that is there.',
  },
  'limit-reached': {
    status: 409,
    title: 'There are as many as there may be',
    advice: 'Remove one first, or use one that is there.',
  },
  'wrong-state': {
    status: 409,
    title: 'Its state does not allow this',
    advice: 'Read its current state; a finished job cannot be changed, a preview is used once.',
  },
  'selection-changed': {
    status: 409,
    title: 'The count to confirm is not the count of the preview',
    advice: 'Make a new preview, look at it, and confirm its count.',
  },
  'delete-all-required': {
    status: 409,
    title: 'This selection covers nearly the whole workspace',
    advice: 'Choose a smaller selection, or ask for it with `POST /v1/delete-all-requests`.',
  },
  'request-already-open': {
    status: 409,
    title: 'The workspace has a delete-all request already',
    advice: 'Go on with the one `detail` names, or withdraw it first.',
  },
  'user-held': {
    status: 409,
    title: 'The user is under legal hold',
    advice:
      'Nobody was deleted. Once the platform team has cleared the hold, delete the user again.',
  },
  'link-expired': {
    status: 410,
    title: 'The link or file has expired',
    advice: 'Ask for a new link, or export again.',
  },
  gone: {
    status: 410,
    title: 'It was removed and is gone for good',
    advice:
      'Nothing brings it back; counts, times and checksums stay in its job and the activity log.',
  },
  'preview-expired': {
    status: 410,
    title: 'The preview has expired',
    advice: 'Make a new preview; it is valid for 15 minutes.',
  },
  'window-closed': {
    status: 410,
    title: 'The window for deleting all users is closed',
    advice: 'Nothing was started by this call; ask for a new window.',
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
    advice: 'Send the type that `detail` names, and no `Content-Encoding`.',
  },
  'range-not-satisfiable': {
    status: 416,
    title: 'The range lies outside the file',
    advice: 'Ask for a range within the size named in `Content-Range`.',
  },
  unprocessable: {
    status: 422,
    title: 'The request is well-formed but makes no sense here',
    advice: 'Correct what `detail` and `errors` name.',
  },
  'empty-selection': {
    status: 422,
    title: 'The selection matches nobody',
    advice: 'Nothing is to be done; preview another selection.',
  },
  'wrong-phrase': {
    status: 422,
    title: 'The phrase to type is another',
    advice: 'Type it as the preview gives it, with its number.',
  },
  'idempotency-key-reused': {
    status: 422,
    title: 'This idempotency key was used for another request',
    advice: 'Send a new key with a new request, and the same key only with the very same request.',
  },
  'too-many-requests': {
    status: 429,
    title: 'Too many requests',
    advice: 'Wait as long as `Retry-After` says.',
  },
  'headers-too-large': {
    status: 431,
    title: 'The headers are too large',
    advice: 'Send fewer or shorter headers.',
  },
  internal: {
    status: 500,
    title: 'Something went wrong on our side',
    advice: 'Try again; if it stays, report the `requestId`.',
  },
  'database-unavailable': {
    status: 503,
    title: 'The database is away',
    advice: 'Send the request again after `Retry-After` seconds, with the same idempotency key.',
  },
  'database-unfit': {
    status: 503,
    title: 'The database is not set up as Keepsake needs it',
    advice:
      'Nothing was changed. Have the setting that `detail` names put right, then send it again.',
  },
  'database-denied': {
    status: 503,
    title: 'The database denies the service what it needs',
    advice:
      'An operator restores the grants of the roles `keepsake_app` and `keepsake_api`; then send it again.',
  },
  'temporal-unavailable': {
    status: 503,
    title: 'Temporal is away',
    advice: 'Send the request again after `Retry-After` seconds, with the same idempotency key.',
  },
  'storage-unavailable': {
    status: 503,
    title: 'The file cannot be kept or read at the moment',
    advice: 'Nothing was started. Send the request again after `Retry-After` seconds.',
  },
  busy: {
    status: 503,
    title: 'Other work holds what this needs',
    advice: 'Nothing was changed. Send the request again after `Retry-After` seconds.',
  },
  'not-ready': {
    status: 503,
    title: 'A part of the service is missing',
    advice: 'Bring up what `detail` names.',
  },
} as const satisfies Record<string, ProblemType>;

export type ProblemSlug = keyof typeof catalogue;

export const PROBLEMS: Readonly<Record<ProblemSlug, ProblemType>> = catalogue;

/** One place of the input that is wrong. `pointer` is a JSON pointer into the body, or `?name`, `{name}`. */
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

/** Makes an error to throw. `detail` says what failed, for which id, why, what to do; no user's data. */
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
