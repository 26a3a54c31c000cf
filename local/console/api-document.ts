import { createHash } from 'node:crypto';
import { buildApp } from '../../api/build-app.ts';
import type { ApiDeps } from '../../api/deps.ts';

/** Nothing is called while the routes are described, so nothing needs to be available. */
const UNUSED = new Proxy({}, { get: () => undefined }) as never;

const DEPS: ApiDeps = {
  database: UNUSED,
  storage: UNUSED,
  jobs: UNUSED,
  requests: UNUSED,
  config: {
    publicUrl: 'http://localhost',
    taskQueue: '',
    temporalUiUrl: undefined,
    linkSecret: '',
    rateLimitPerMinute: 1,
    trustedProxies: [],
    webhookAllowPrivate: false,
  },
  logLevel: 'silent',
};

/** The OpenAPI document of this source code, without a running API. */
export const readApiDocument = async (): Promise<object> => {
  const app = await buildApp(DEPS);
  const document = app.swagger();
  await app.close();
  return document;
};

export const hashDocument = (document: object): string =>
  createHash('sha256').update(JSON.stringify(document)).digest('hex');
