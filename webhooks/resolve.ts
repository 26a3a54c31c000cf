import { lookup, Resolver } from 'node:dns/promises';

/** The addresses of a name. @throws Error when it has none, or nobody answers */
export type Resolve = (host: string) => Promise<string[]>;

const QUERY_TIMEOUT_MS = 2_000;
const QUERY_TRIES = 2;

/**
 * Asks name servers by itself. The system's own look-up takes one of the few threads that files are
 * read and written by, for as long as a name server is silent, and believes `/etc/hosts`.
 */
const resolvePublic: Resolve = async (host) => {
  const resolver = new Resolver({ timeout: QUERY_TIMEOUT_MS, tries: QUERY_TRIES });
  const answers = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)]);
  const found = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
  const [first] = answers;
  if (found.length === 0 && first.status === 'rejected') throw first.reason;
  return found;
};

/** As the system does, for names that only this machine or network knows. */
const resolveOwn: Resolve = async (host) =>
  (await lookup(host, { all: true })).map(({ address }) => address);

export const createResolve = (allowPrivate: boolean): Resolve =>
  allowPrivate ? resolveOwn : resolvePublic;
