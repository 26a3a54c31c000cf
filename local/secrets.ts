import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { z } from 'zod';
import { readJson, writePrivateJson } from './data-folder.ts';

const SECRET_BYTES = 32;

const secretsSchema = z.object({
  LINK_SECRET: z.string().length(2 * SECRET_BYTES),
  /** The key of the outbox; it does not belong to an account of Resend. */
  RESEND_API_KEY: z.string().min(1),
  /**
   * The passwords of the logins of API and worker are derived from this secret. Neither process
   * gets it.
   */
  APP_DATABASE_PASSWORD: z.string().regex(/^[0-9a-f]+$/),
});

export type Secrets = z.infer<typeof secretsSchema>;

/**
 * Reads the data folder's secrets, or creates them the first time. @throws Error when the file is
 * damaged
 */
export const openSecrets = (dataDir: string): Secrets => {
  const path = join(dataDir, 'secrets.json');
  const known = readJson(path);
  if (known !== undefined) {
    const parsed = secretsSchema.safeParse(known);
    if (parsed.success) return parsed.data;
    throw new Error(`${path} is damaged:\n${z.prettifyError(parsed.error)}`);
  }
  const made = {
    LINK_SECRET: randomHex(),
    RESEND_API_KEY: `re_local_${randomHex()}`,
    APP_DATABASE_PASSWORD: randomHex(),
  };
  writePrivateJson(path, made);
  return made;
};

const randomHex = (): string => randomBytes(SECRET_BYTES).toString('hex');
