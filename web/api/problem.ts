import type { components } from './schema.d.ts';

type ProblemBody = components['schemas']['Problem'];

/** A request that was refused or not answered. Each failure of a request has this form. */
export interface Problem extends Error {
  name: 'Problem';
  /** The last part of the type, as in `/problems/<slug>`, or one of the console's own. */
  slug: string;
  /** The status of the response; 0 without a response. */
  status: number;
  title: string;
  detail: string;
  /** Finds the request in the log; undefined without a response of Keepsake. */
  requestId: string | undefined;
  /** The seconds after which the server wants the next try. */
  retryAfterSeconds: number | undefined;
  errors: NonNullable<ProblemBody['errors']>;
  /** The numbers and ids of `detail`, by name. */
  data: NonNullable<ProblemBody['data']>;
}

export const isProblem = (error: unknown): error is Problem =>
  error instanceof Error && error.name === 'Problem';

/** Reads the problem from a response that is not a success. */
export const readProblem = async (response: Response): Promise<Problem> => {
  const body = await readBody(response);
  const { status, headers } = response;
  const wait = Number(headers.get('retry-after') ?? NaN);
  return createProblem({
    slug: body?.type.split('/').at(-1) ?? 'no-answer',
    status,
    title: body?.title ?? 'The server did not answer as expected',
    detail: body?.detail ?? `A response with the status ${status} came without an explanation.`,
    requestId: body?.requestId ?? headers.get('x-request-id') ?? undefined,
    retryAfterSeconds: Number.isFinite(wait) ? wait : undefined,
    errors: body?.errors ?? [],
    data: body?.data ?? {},
  });
};

/** The problem of a request that got no response. */
export const unreachable = (cause: unknown): Problem =>
  createProblem({
    slug: 'unreachable',
    status: 0,
    title: 'The server cannot be reached',
    detail: 'Check your network. If other sites work, Keepsake is not running.',
    requestId: undefined,
    retryAfterSeconds: undefined,
    errors: [],
    data: {},
    cause,
  });

/** Any error as a problem. An error of the console's own code is one too. */
export const problemOf = (error: unknown): Problem =>
  isProblem(error)
    ? error
    : createProblem({
        slug: 'console-failed',
        status: 0,
        title: 'This page failed',
        detail: 'The console has a fault. Load the page again.',
        requestId: undefined,
        retryAfterSeconds: undefined,
        errors: [],
        data: {},
        cause: error,
      });

type Fields = Omit<Problem, 'name' | 'message' | 'stack'>;

const createProblem = ({ cause, ...fields }: Fields): Problem =>
  Object.assign(new Error(fields.detail, { cause }), { name: 'Problem' as const, ...fields });

/** The body, if Keepsake wrote it: a proxy may answer in its place. */
const readBody = async (response: Response): Promise<ProblemBody | undefined> => {
  if (!response.headers.get('content-type')?.startsWith('application/problem+json')) return;
  try {
    return (await response.json()) as ProblemBody;
  } catch {
    return undefined;
  }
};
