import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

const REQUEST_DEADLINE_MS = 60_000;
const UPLOAD_DEADLINE_MS = 10 * 60_000;
const POLL_INTERVAL_MS = 150;
const FINAL_STATES = ['succeeded', 'partiallySucceeded', 'failed', 'cancelled'];

/** A job as the API returns it: the fields that the demo and the tests read. */
export interface Job {
  id: string;
  state: string;
  phase: string | null;
  progress: { total: number | null; processed: number | null };
  counts: Record<string, number> | null;
  result: { backups?: Backup[]; rows?: number; bytes?: number; sha256?: string } | null;
  error: { type: string; message: string } | null;
  workflow: { id: string };
}

export interface Backup {
  id: string;
  rows: number;
  bytes: number;
  sha256: string;
}

export interface Answer<Body> {
  status: number;
  headers: Headers;
  body: Body;
}

interface Upload {
  path: string;
  content: Blob;
  options: object;
}

export type ApiClient = ReturnType<typeof createApiClient>;

/** A client of the API that uses the given key. */
export const createApiClient = (api: string, key: string) => {
  const request = (method: string, path: string, body?: unknown, headers = {}) =>
    fetch(`${api}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${key}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(REQUEST_DEADLINE_MS),
    });

  /** Sends a request and returns any answer, also an error. */
  const call = async <Body>(
    method: string,
    path: string,
    body?: unknown,
    headers = {},
  ): Promise<Answer<Body>> => {
    const response = await request(method, path, body, headers);
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.includes('json') ?? false;
    const parsed = (isJson ? JSON.parse(text) : text) as Body;
    return { status: response.status, headers: response.headers, body: parsed };
  };

  /** Sends a request. @throws Error with the answer, unless it is a success */
  const succeed = async <Body>(method: string, path: string, body?: unknown): Promise<Body> => {
    const headers = method === 'GET' ? {} : { 'idempotency-key': randomUUID() };
    const answer = await call<Body>(method, path, body, headers);
    if (answer.status >= 300) {
      throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    }
    return answer.body;
  };

  /** Polls a job until it has ended. @throws Error when that takes longer than `deadlineMs` */
  const finish = async (
    jobId: string,
    onProgress: (job: Job) => void = () => {},
    deadlineMs = 120_000,
  ): Promise<Job> => {
    for (const start = Date.now(); Date.now() - start < deadlineMs;) {
      const job = await succeed<Job>('GET', `/v1/jobs/${jobId}`);
      onProgress(job);
      if (FINAL_STATES.includes(job.state)) return job;
      await sleep(POLL_INTERVAL_MS);
    }
    throw new Error(`job ${jobId} did not end within ${deadlineMs} ms`);
  };

  /** Downloads a file. @throws Error unless the answer is a success */
  const download = async (path: string, headers = {}): Promise<Buffer> => {
    const response = await request('GET', path, undefined, headers);
    if (!response.ok) throw new Error(`GET ${path}: ${response.status}`);
    return Buffer.from(await response.arrayBuffer());
  };

  /**
   * Uploads a CSV file and imports it.
   *
   * @returns the job
   * @throws Error with the answer, unless it is a success
   */
  const importFile = (content: Blob, options: object) =>
    uploadFile<Job>(api, key, { path: '/v1/imports', content, options });

  /**
   * Uploads a CSV file that selects users. @throws Error with the answer, unless it is a success
   */
  const uploadList = (content: Blob, options: object = {}) =>
    uploadFile<{ id: string; entries: number }>(api, key, {
      path: '/v1/user-lists',
      content,
      options,
    });

  return { call, succeed, finish, download, importFile, uploadList };
};

const uploadFile = async <Made>(
  api: string,
  key: string,
  { path, content, options }: Upload,
): Promise<Made> => {
  const form = new FormData();
  form.append('options', JSON.stringify(options));
  form.append('file', content, 'users.csv');
  const response = await fetch(`${api}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'idempotency-key': randomUUID() },
    body: form,
    signal: AbortSignal.timeout(UPLOAD_DEADLINE_MS),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`POST ${path}: ${response.status} ${text}`);
  return JSON.parse(text) as Made;
};
