/** Response headers in the OpenAPI document. */

type Headers = Record<string, { schema: object; description: string }>;

const header = (description: string, schema: object = { type: 'string' }) => ({
  schema,
  description,
});

const count = { type: 'integer' } as const;

const OF_ALL: Headers = {
  'X-Request-Id': header('Id of the request in the log; the id of the caller if that is a UUID'),
};

const OF_LIMITED: Headers = {
  'RateLimit-Limit': header('Requests allowed per minute', count),
  'RateLimit-Remaining': header('Requests left in this minute', count),
  'RateLimit-Reset': header('Seconds until the minute ends', count),
};

const OF_JOBS: Headers = {
  Location: header('Path of the job'),
  'Retry-After': header('Seconds to wait before reading the job', count),
};

const OF_CSV: Headers = { 'Content-Disposition': header('The name of the file') };

const OF_FILES: Headers = {
  ...OF_CSV,
  'Accept-Ranges': header('`bytes`'),
  ETag: header('The SHA-256 of the whole file, in hex'),
  'Repr-Digest': header('The SHA-256 of the whole file, in Base64'),
};

const OF_RANGES: Headers = { 'Content-Range': header('Range of the bytes, and size of the file') };

/** Headers of single operations, in success responses. */
const OF_OPERATIONS: Readonly<Record<string, Headers>> = {
  startSession: { 'Set-Cookie': header('The secret id of the session, for the browser only') },
  endSession: { 'Set-Cookie': header('Removes the cookie') },
  createSegment: { Location: header('Path of the segment') },
  createWebhook: { Location: header('Path of the webhook') },
  testWebhook: { Location: header('Path of the delivery') },
  replayWebhookDelivery: { Location: header('Path of the delivery') },
  createUserList: { Location: header('Path of the list') },
  notifyDeleteAll: { Location: header('Path of the request') },
  askToDeleteAll: { Location: header('Path of the request') },
  deleteUser: { 'Preference-Applied': header('`wait=N`, if `Prefer` requested it') },
};

/** Additional headers of problems with one status. */
const OF_PROBLEMS: Readonly<Record<string, Headers>> = {
  401: { 'WWW-Authenticate': header('`Bearer realm="keepsake"`') },
  416: { ...OF_RANGES, 'Accept-Ranges': header('`bytes`') },
  429: { 'Retry-After': header('Seconds to wait', count) },
  503: { 'Retry-After': header('Seconds to wait', count) },
};

export const problemHeaders = (status: number): Headers => ({
  ...OF_ALL,
  ...OF_LIMITED,
  ...OF_PROBLEMS[status],
});

interface AnswerFacts {
  operationId: string;
  status: string;
  mediaTypes: readonly string[];
  /** Whether the operation returns a file or its ranges. */
  isFile: boolean;
  isLimited: boolean;
  isJob: boolean;
}

/** Headers of a success response. */
export const answerHeaders = (facts: AnswerFacts): Headers => {
  const { operationId, status, mediaTypes, isFile, isLimited, isJob } = facts;
  return {
    ...OF_ALL,
    ...(isLimited && OF_LIMITED),
    ...(status === '202' && isJob && OF_JOBS),
    ...(mediaTypes.includes('text/csv') && OF_CSV),
    ...(isFile && OF_FILES),
    ...(status === '206' && OF_RANGES),
    ...OF_OPERATIONS[operationId],
  };
};
