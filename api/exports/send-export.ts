import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { type NewActivity, recordActivity } from '../../db/activity.ts';
import type { Compression, ExportState, Format, Purpose } from '../../db/schema.ts';
import { openExport } from '../../files/open-export.ts';
import type { ByteRange } from '../../storage/storage.ts';
import type { ApiDeps } from '../deps.ts';
import { namesTag, readByteRange } from '../http/byte-range.ts';
import { problem } from '../http/problems.ts';

/** The columns of an export for a download; null until the export has set them. */
export interface ExportRow {
  id: string | null;
  job_id: string;
  workspace_id: string;
  purpose: Purpose | null;
  format: Format | null;
  compression: Compression | null;
  state: ExportState | null;
  attempt: number | null;
  rows: number | null;
  bytes: number | null;
  sha256: string | null;
  verified_at: Date | null;
  expires_at: Date | null;
  legal_hold: boolean | null;
  /** Whether the file is removed or expired, by the clock of the database. */
  is_over: boolean | null;
}

/** An export that is complete and not removed. */
export type OpenFile = { [K in keyof ExportRow]: NonNullable<ExportRow[K]> };

/** Of the last characters: the first of a UUIDv7 are its time, alike for exports of one day. */
const SHORT_ID_LENGTH = 8;

const MEDIA_TYPES: Record<Format, string> = {
  csv: 'text/csv; charset=utf-8',
  ndjson: 'application/x-ndjson',
};

/** The description of a file response. */
export const FILE_ANSWER = {
  description: 'The file, or the requested range of the file',
  content: {
    'application/gzip': { schema: z.string() },
    'text/csv': { schema: z.string() },
    'application/x-ndjson': { schema: z.string() },
  },
};

/**
 * @throws ProblemError `link-expired` if the file is removed, `wrong-state` if it is not verified
 */
export const requireOpenFile = (row: ExportRow): OpenFile => {
  const file = `The file of ${row.purpose === 'backup' ? 'backup' : 'export'} ${row.id ?? row.job_id}`;
  if (row.is_over === true) throw problem('link-expired', `${file} has expired.`);
  const data = { jobId: row.job_id };
  if (row.state === 'damaged') {
    throw problem(
      'wrong-state',
      `${file} is damaged: it differs from the data that was written. Start a new job.`,
      { data },
    );
  }
  if (row.state === 'verified' && isFilled(row)) return row;
  throw problem(
    'wrong-state',
    `${file} is not complete and verified. See job ${row.job_id}: ` +
      'wait while the job runs, or start a new job if it has ended.',
    { data },
  );
};

/**
 * Sends the file of an export, or the requested range. The download is written to the activity
 * log first: if that fails, the file is not sent.
 */
export const sendExport = async (
  deps: Pick<ApiDeps, 'database' | 'storage'>,
  { request, reply }: { request: FastifyRequest; reply: FastifyReply },
  file: OpenFile,
  by: Pick<NewActivity, 'actorKeyId' | 'reason'>,
): Promise<FastifyReply> => {
  const tag = `"${file.sha256}"`;
  const headers = headersOf(file, tag);
  if (namesTag(request.headers['if-none-match'], tag)) {
    const { 'content-type': _none, ...kept } = headers;
    return reply.code(304).headers(kept).send();
  }
  const range = rangeOf(request, file, tag);
  if (range === 'unsatisfiable') {
    throw problem('range-not-satisfiable', `The file has ${file.bytes} bytes.`, {
      headers: { 'content-range': `bytes */${file.bytes}`, 'accept-ranges': 'bytes' },
    });
  }
  if (request.method === 'HEAD') {
    return sendNothing(request, reply.headers({ ...headers, 'content-length': file.bytes }));
  }
  const { start, end } = range === 'whole' ? { start: 0, end: file.bytes - 1 } : range;
  const content = await openAndRecord(deps, file, { start, end }, by);
  reply.headers({ ...headers, 'content-length': end - start + 1 });
  if (range !== 'whole') {
    reply.code(206).header('content-range', `bytes ${start}-${end}/${file.bytes}`);
  }
  return reply.send(content);
};

const isFilled = (row: ExportRow): row is OpenFile =>
  row.id !== null &&
  row.attempt !== null &&
  row.rows !== null &&
  row.bytes !== null &&
  row.sha256 !== null &&
  row.verified_at !== null;

const headersOf = (file: OpenFile, tag: string): Record<string, string> => ({
  'content-type': mediaTypeOf(file),
  'content-disposition': `attachment; filename="${fileNameOf(file)}"`,
  'accept-ranges': 'bytes',
  // A proxy that compressed the file again would break digest and ranges.
  'cache-control': 'no-store, no-transform',
  etag: tag,
  'repr-digest': `sha-256=:${Buffer.from(file.sha256, 'hex').toString('base64')}:`,
});

const mediaTypeOf = ({ format, compression }: OpenFile): string =>
  compression === 'gzip' ? 'application/gzip' : MEDIA_TYPES[format];

const fileNameOf = (file: OpenFile): string => {
  const subject = file.purpose === 'backup' ? 'backup' : 'users';
  const day = file.verified_at.toISOString().slice(0, 'yyyy-mm-dd'.length);
  const name = `${subject}-${file.workspace_id}-${day}-${file.id.slice(-SHORT_ID_LENGTH)}`;
  return `${name}.${file.format}${file.compression === 'gzip' ? '.gz' : ''}`;
};

/** The requested range. HEAD has no ranges; `If-Range` with another tag means the whole file. */
const rangeOf = ({ method, headers }: FastifyRequest, file: OpenFile, tag: string) => {
  const condition = headers['if-range'];
  if (method !== 'GET' || (condition !== undefined && condition !== tag)) return 'whole';
  return readByteRange(headers.range, file.bytes);
};

/** On HEAD, Fastify sets Content-Length to that of any payload, or none, but an empty stream's. */
const sendNothing = ({ method }: FastifyRequest, reply: FastifyReply): FastifyReply =>
  reply.send(method === 'HEAD' ? Readable.from([]) : undefined);

const openAndRecord = async (
  { database: { db }, storage }: Pick<ApiDeps, 'database' | 'storage'>,
  file: OpenFile,
  range: ByteRange,
  by: Pick<NewActivity, 'actorKeyId' | 'reason'>,
) => {
  const content = await openExport({ db, storage }, file, range);
  try {
    await recordActivity(db, {
      ...by,
      kind: 'download',
      workspaceId: file.workspace_id,
      jobId: file.job_id,
      exportId: file.id,
      counts: { from: range.start, bytes: range.end - range.start + 1 },
    });
  } catch (error) {
    content.destroy();
    throw error;
  }
  return content;
};
