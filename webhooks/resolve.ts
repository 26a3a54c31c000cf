import { lookup, Resolver } from 'node:dns/promises';

/** The addresses of a name. @throws Error when it has none, or no name server answers */
export type Resolve = (host: string) => Promise<string[]>;

const QUERY_TIMEOUT_MS = 2_000;
const QUERY_TRIES = 2;

export const createResolve = (allowPrivate: boolean): Resolve =>
  allowPrivate ? resolveOwn : resolvePublic;

/** Uses the system's lookup, for names that only this machine or network knows. */
const resolveOwn: Resolve = async (host) =>
  (await lookup(host, { all: true })).map(({ address }) => address);

/**
 * Asks name servers directly. The system's lookup would block one of the few threads that read and
 * write files while a name server is silent. It also uses `/etc/hosts`.
 */
const resolvePublic: Resolve = async (host) => {
  const resolver = new Resolver({ timeout: QUERY_TIMEOUT_MS, tries: QUERY_TRIES });
  const answers = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)]);
  const found = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
  const [first] = answers;
  if (found.length === 0 && first.status === 'rejected') throw first.reason;
  return found;
};
