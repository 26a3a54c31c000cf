import { randomBytes } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';

/** 256 bits of random data, in Base64url. */
const ID_BYTES = 32;
const ID_PATTERN = /^[A-Za-z0-9_-]{43}$/;

const NAME = 'keepsake-session';

/** The cookie that holds the secret id of a session. */
export interface SessionCookie {
  name: string;
  /** The values of all cookies of this name, in their order. Each may be malformed. */
  read: (request: FastifyRequest) => string[];
  set: (reply: FastifyReply, sessionId: string, expiresAt: Date) => void;
  clear: (reply: FastifyReply) => void;
}

/**
 * Over https, the prefix `__Host-` makes browsers refuse a cookie of that name from another host.
 */
export const createSessionCookie = (publicUrl: string): SessionCookie => {
  const isSecure = isHttps(publicUrl);
  const name = isSecure ? `__Host-${NAME}` : NAME;
  const attributes = { path: '/', httpOnly: true, secure: isSecure, sameSite: 'strict' } as const;
  return {
    name,
    read: ({ headers }) => valuesOf(headers.cookie ?? '', name),
    set: (reply, sessionId, expiresAt) => {
      const seconds = Math.floor((expiresAt.getTime() - Date.now()) / 1_000);
      void reply.setCookie(name, sessionId, { ...attributes, maxAge: Math.max(seconds, 0) });
    },
    clear: (reply) => void reply.clearCookie(name, attributes),
  };
};

export const isHttps = (publicUrl: string): boolean => new URL(publicUrl).protocol === 'https:';

export const newSessionId = (): string => randomBytes(ID_BYTES).toString('base64url');

/** Whether a text has the form of a session's id. */
export const isSessionId = (text: string): boolean => ID_PATTERN.test(text);

/**
 * Parsers of cookies keep one of several cookies with the same name. This keeps all. Only blanks
 * and tabs surround a name: `trim` also removes the byte 0xA0, with which another host of the site
 * can set a cookie in spite of the prefix `__Host-`.
 */
const valuesOf = (header: string, name: string): string[] =>
  header
    .split(';')
    .map((pair) => pair.replaceAll(/^[ \t]+|[ \t]+$/g, ''))
    .filter((pair) => pair.startsWith(`${name}=`))
    .map((pair) => pair.slice(name.length + 1));
