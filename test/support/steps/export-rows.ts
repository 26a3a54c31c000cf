import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { uuidv7 } from 'uuidv7';
import type { Db } from '../../../db/client.ts';
import type { Compression, ExportState } from '../../../db/schema.ts';
import type { JobType } from '../../../workflows/contracts/jobs.ts';
import { type PartFile, partKey } from '../../../files/part-key.ts';
import { compressFrame } from '../../../files/zstd.ts';
import type { Storage } from '../../../storage/storage.ts';

export interface ExportToMake {
  jobId: string;
  workspaceId: string;
  pass?: number;
  purpose?: 'download' | 'backup';
  format?: 'csv' | 'ndjson';
  compression?: Compression;
  state?: ExportState;
  expiresAt?: Date;
  /** Text of each part, the header first. */
  parts?: string[];
  /** Users of the first part that were deleted. */
  deleted?: number;
}

const DAY_MS = 86_400_000;

const pack: Record<Compression, (text: string) => Buffer> = {
  none: (text) => Buffer.from(text),
  gzip: (text) => gzipSync(text),
  zstd: (text) => compressFrame(Buffer.from(text)),
};

export const makeJob = async (
  db: Db,
  job: {
    workspaceId: string;
    keyId: string;
    type?: JobType;
    total?: number;
    options?: object;
    backupId?: string;
  },
): Promise<string> => {
  const id = uuidv7();
  await db
    .insertInto('jobs')
    .values({
      id,
      workspace_id: job.workspaceId,
      type: job.type ?? 'export',
      state: 'running',
      selection: job.type === 'deletion' ? '{"type":"filter"}' : '{"type":"all"}',
      options: JSON.stringify(job.options ?? {}),
      backup_id: job.backupId ?? null,
      actor_key_id: job.keyId,
      total: job.total ?? null,
    })
    .execute();
  return id;
};

/** An export as the activities leave it, with its files if a storage is given. */
export const makeExport = async (
  deps: { db: Db; storage?: Storage },
  wanted: ExportToMake,
): Promise<{ id: string; content: Buffer; sha256: string }> => {
  const { db } = deps;
  const id = uuidv7();
  const { format = 'csv', purpose = 'download' } = wanted;
  const { compression = purpose === 'backup' ? 'zstd' : 'gzip' } = wanted;
  const texts = wanted.parts ?? ['userId,email\n', 'u1,a\nu2,b\n', 'u3,c\n'];
  await db
    .insertInto('exports')
    .values({
      id,
      job_id: wanted.jobId,
      workspace_id: wanted.workspaceId,
      purpose,
      pass: wanted.pass ?? 1,
      format,
      compression,
      expires_at: new Date(Date.now() + 30 * DAY_MS),
    })
    .execute();
  await db
    .insertInto('export_attempts')
    .values({ export_id: id, attempt: 1, snapshot: '1:1:', fingerprint: 'none' })
    .execute();
  const files: Buffer[] = [];
  for (const [part, text] of texts.entries()) {
    const deleted = part === 1 ? (wanted.deleted ?? 0) : 0;
    const of = { exportId: id, attempt: 1, part, format, compression, deleted };
    files.push(await writePart(deps, of, text));
  }
  const content = Buffer.concat(files);
  const state = wanted.state ?? 'verified';
  const isDone = state !== 'writing';
  await db
    .updateTable('exports')
    .set({
      state,
      ...(wanted.expiresAt !== undefined && { expires_at: wanted.expiresAt }),
      ...(state === 'removed' && { removed_at: new Date() }),
      ...(isDone && {
        attempt: 1,
        rows: texts.slice(1).join('').split('\n').length - 1,
        bytes: content.length,
        sha256: sha256(content),
        verified_at: state === 'written' ? null : new Date('2026-11-24T10:00:00Z'),
      }),
    })
    .where('id', '=', id)
    .execute();
  return { id, content, sha256: sha256(content) };
};

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

/** @returns the bytes of the part in the file as it is sent; for a backup, its text */
const writePart = async (
  { db, storage }: { db: Db; storage?: Storage },
  of: PartFile & { deleted: number },
  text: string,
): Promise<Buffer> => {
  const bytes = pack[of.compression](text);
  const rows = of.part === 0 ? 0 : text.split('\n').length - 1;
  await storage?.put(partKey(of), Readable.from([bytes]));
  await db
    .insertInto('export_parts')
    .values({
      export_id: of.exportId,
      attempt: 1,
      part: of.part,
      rows,
      raw_bytes: Buffer.byteLength(text),
      bytes: bytes.length,
      sha256: sha256(bytes),
      cursor: of.deleted,
      deleted: of.deleted,
    })
    .execute();
  return of.compression === 'zstd' ? Buffer.from(text) : bytes;
};
