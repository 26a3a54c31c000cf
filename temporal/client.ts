import { Client, Connection } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';

/**
 * A client of Temporal, configured by Temporal's own environment variables (`TEMPORAL_ADDRESS`,
 * `TEMPORAL_NAMESPACE`, …).
 */
export interface Temporal {
  client: Client;
  namespace: string;
  close: () => Promise<void>;
}

/**
 * Connects at the first call. So a process can start, and report the problem, while Temporal is
 * unavailable.
 */
export const connectTemporal = (env: NodeJS.ProcessEnv = process.env): Temporal => {
  const overrideEnvVars = env as Record<string, string>;
  const { connectionOptions, namespace = 'default' } = loadClientConnectConfig({ overrideEnvVars });
  const { address, tls, apiKey, metadata } = connectionOptions;
  const connection = Connection.lazy({
    ...(address !== undefined && { address }),
    ...(tls !== undefined && { tls }),
    ...(apiKey !== undefined && { apiKey }),
    ...(metadata !== undefined && { metadata }),
  });
  const client = new Client({ connection, namespace });
  return { client, namespace, close: () => connection.close() };
};
