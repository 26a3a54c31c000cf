/** An answer of the API while PostgreSQL is away, for `route.fulfill`. */
export const databaseAway = (requestId: string) => ({
  status: 503,
  contentType: 'application/problem+json; charset=utf-8',
  headers: { 'retry-after': '0' },
  body: JSON.stringify({
    type: '/problems/database-unavailable',
    title: 'The database is not available',
    status: 503,
    detail: 'PostgreSQL is not available.',
    requestId,
  }),
});
