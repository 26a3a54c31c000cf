/** Codes of gRPC, https://grpc.io/docs/guides/status-codes. */
const STATUS = {
  cancelled: 1,
  deadlineExceeded: 4,
  notFound: 5,
  permissionDenied: 7,
  resourceExhausted: 8,
  aborted: 10,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
} as const;

/** What a server says that starts, stops, or has too much to do; also a proxy before it. */
const PASSING: readonly unknown[] = [
  STATUS.cancelled,
  STATUS.deadlineExceeded,
  STATUS.resourceExhausted,
  STATUS.aborted,
  STATUS.internal,
  STATUS.unavailable,
];

const codeOf = (error: unknown): unknown => (error as { code?: unknown } | undefined)?.code;

/** Says in one sentence what to do; also of what a registration throws. */
const REFUSAL = 'TemporalRefusal';

const refuse = (message: string, cause: unknown): Error =>
  Object.assign(new Error(message, { cause }), { name: REFUSAL });

/**
 * Whether Temporal may answer a little later; a `TransportError` is that of the native connection.
 */
const isTemporalAway = (error: unknown): boolean =>
  PASSING.includes(codeOf(error)) ||
  (error instanceof Error && (error.name === 'TransportError' || isTemporalAway(error.cause)));

/** A server that has just begun makes its namespace a little later, in milliseconds. */
const NAMESPACE_GRACE_MS = 15_000;

/**
 * Why a worker that has waited for Temporal since `since`, by `performance.now`, must not wait
 * longer; undefined while that may help.
 */
export const temporalEndOf = (
  error: unknown,
  namespace: string,
  since: number,
): Error | undefined => {
  // What was refused for a reason that passes, too.
  if (isTemporalAway(error)) return undefined;
  if (error instanceof Error && error.name === REFUSAL) return error;
  const code = codeOf(error);
  if (code === STATUS.notFound) {
    if (performance.now() - since < NAMESPACE_GRACE_MS) return undefined;
    return refuse(
      `Temporal has no namespace ${namespace}: create it, or correct TEMPORAL_NAMESPACE.`,
      error,
    );
  }
  if (code === STATUS.permissionDenied || code === STATUS.unauthenticated) {
    return refuse(
      `Temporal does not let this worker into the namespace ${namespace}: correct TEMPORAL_API_KEY or ` +
        'the certificates of TEMPORAL_TLS.',
      error,
    );
  }
  return error as Error;
};
