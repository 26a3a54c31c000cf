import type { FastifyReply } from 'fastify';

/** Sends what PostgreSQL wrote as it is, past the route's serializer. */
export const sendJson = (reply: FastifyReply, json: string): FastifyReply =>
  reply
    .type('application/json; charset=utf-8')
    .serializer((text: string) => text)
    .send(json);
