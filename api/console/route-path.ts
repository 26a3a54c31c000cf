/** The path of a page as a route of Fastify: `/jobs/$id` becomes `/jobs/:id`. */
export const toRoutePath = (path: string): string => path.replaceAll('$', ':');
