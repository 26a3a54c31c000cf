/** gRPC status codes, https://grpc.io/docs/guides/status-codes. */
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

/** The codes of a server, or a proxy in front of it, that starts, stops, or is overloaded. */
const PASSING: readonly unknown[] = [
  STATUS.cancelled,
  STATUS.deadlineExceeded,
  STATUS.resourceExhausted,
  STATUS.aborted,
  STATUS.internal,
  STATUS.unavailable,
];

/** The name of errors whose message says what to do, also those of a registration. */
const REFUSAL = 'TemporalRefusal';

/** How long a server that has just started may lack its namespace, in milliseconds. */
const NAMESPACE_GRACE_MS = 15_000;

/**
 * The reason to stop waiting for Temporal; undefined if waiting may still help. `since` is the
 * start of the wait, by `performance.now`.
 */
export const temporalEndOf = (
  error: unknown,
  namespace: string,
  since: number,
): Error | undefined => {
  // Also covers a refusal whose cause is temporary.
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
      `Temporal denies this worker access to the namespace ${namespace}: correct TEMPORAL_API_KEY or ` +
        'the certificates of TEMPORAL_TLS.',
      error,
    );
  }
  return error as Error;
};

/** Whether Temporal may answer later. A `TransportError` comes from the native connection. */
const isTemporalAway = (error: unknown): boolean =>
  PASSING.includes(codeOf(error)) ||
  (error instanceof Error && (error.name === 'TransportError' || isTemporalAway(error.cause)));

const codeOf = (error: unknown): unknown => (error as { code?: unknown } | undefined)?.code;

const refuse = (message: string, cause: unknown): Error =>
  Object.assign(new Error(message, { cause }), { name: REFUSAL });
