import rateLimit from '@fastify/rate-limit';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Config } from '../config.ts';
import type { App } from './http/app.ts';
import { problem } from './http/problems.ts';

const WINDOW_MS = 60_000;
/** Number of addresses to remember; the least recently seen are forgotten first. */
const MAX_ADDRESSES = 20_000;

/** Counts requests per minute: by key, or by address for requests without a valid key. */
export interface Rates {
  /** Called before a key is looked up, to stop guessing of keys. @throws ProblemError 429 */
  requireRoom: (request: FastifyRequest) => Promise<void>;
  /** Counts a request and returns the remaining number in headers. @throws ProblemError 429 */
  count: (request: FastifyRequest, reply: FastifyReply) => Promise<void>;
}

interface Counted {
  max: number;
  remaining: number;
  ttlInSeconds: number;
}

const FROM_ADDRESS = 'from this address without a valid key in their headers';

export const createRates = async (
  app: App,
  { rateLimitPerMinute }: Pick<Config, 'rateLimitPerMinute'>,
): Promise<Rates> => {
  const limits = { max: rateLimitPerMinute, timeWindow: WINDOW_MS };
  await app.register(rateLimit, { global: false, ...limits, cache: MAX_ADDRESSES });
  const ofAddress = app.createRateLimit();
  const ofKey = app.createRateLimit({ keyGenerator: ({ actor }) => actor.id });

  return {
    requireRoom: async (request) => {
      const counted = await ofAddress(request, { increment: false });
      if (!counted.isAllowed && counted.isExceeded) throw tooMany(counted, FROM_ADDRESS);
    },
    count: async (request, reply) => {
      const isKnown = request.access.actor !== null;
      const counted = await (isKnown ? ofKey : ofAddress)(request);
      if (counted.isAllowed) return;
      if (counted.isExceeded) throw tooMany(counted, isKnown ? 'with this key' : FROM_ADDRESS);
      reply.headers(headersOf(counted));
    },
  };
};

const tooMany = (counted: Counted, by: string) => {
  const seconds = String(counted.ttlInSeconds);
  return problem(
    'too-many-requests',
    `More than ${counted.max} requests in a minute came ${by}. Wait ${seconds} s.`,
    { headers: { ...headersOf(counted), 'retry-after': seconds } },
  );
};

const headersOf = ({ max, remaining, ttlInSeconds }: Counted): Record<string, string> => ({
  'ratelimit-limit': String(max),
  'ratelimit-remaining': String(remaining),
  'ratelimit-reset': String(ttlInSeconds),
});
