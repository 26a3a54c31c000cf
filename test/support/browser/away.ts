/**
 * An answer of the API while PostgreSQL is away, for `route.fulfill`. The page does not try again
 * by itself within a test, so a test that clicks *Try again* finds it.
 */
export const databaseAway = (requestId: string) =>
  away('database-unavailable', 'The database is not available', requestId, 600);

/** An answer of the API while Temporal is away. The page tries again after a second. */
export const temporalAway = (requestId: string) =>
  away('temporal-unavailable', 'Temporal is not available', requestId, 1);

const away = (slug: string, title: string, requestId: string, retryAfterSeconds: number) => ({
  status: 503,
  contentType: 'application/problem+json; charset=utf-8',
  headers: { 'retry-after': String(retryAfterSeconds) },
  body: JSON.stringify({
    type: `/problems/${slug}`,
    title,
    status: 503,
    detail: 'The request can be sent again later.',
    requestId,
  }),
});
