import type { ApiClient } from '../api-client.ts';

/** The most users that one request may hold. */
const USERS_PER_REQUEST = 1_000;
/** Less than the API's limit of 5 MiB. */
const REQUEST_BYTES = 4_000_000;
const REQUESTS_AT_ONCE = 2;

interface AddedUser {
  outcome: string;
  error?: { detail: string };
}

/** Adds users page by page. @returns how many users the API created */
export const addUsers = async (
  admin: ApiClient,
  users: AsyncIterable<unknown> | Iterable<unknown>,
  show: (done: number) => void,
): Promise<number> => {
  let created = 0;
  const pages = pagesOf(users);
  const send = async (): Promise<void> => {
    for await (const page of pages) {
      const answer = await admin.succeed<{ data: AddedUser[] }>('POST', '/v1/users', page);
      const failed = answer.data.find((user) => user.outcome === 'failed');
      if (failed !== undefined) throw new Error(`a user was rejected: ${failed.error?.detail}`);
      created += answer.data.filter((user) => user.outcome === 'created').length;
      show(created);
    }
  };
  await Promise.all(Array.from({ length: REQUESTS_AT_ONCE }, send));
  return created;
};

/** Splits users into pages that fit into a request. */
const pagesOf = async function* (
  users: AsyncIterable<unknown> | Iterable<unknown>,
): AsyncGenerator<unknown[]> {
  let page: unknown[] = [];
  let bytes = 0;
  for await (const user of users) {
    const userBytes = Buffer.byteLength(JSON.stringify(user)) + 1;
    if (page.length === USERS_PER_REQUEST || bytes + userBytes > REQUEST_BYTES) {
      yield page;
      page = [];
      bytes = 0;
    }
    page.push(user);
    bytes += userBytes;
  }
  if (page.length > 0) yield page;
};
