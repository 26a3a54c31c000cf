/** A request to the API. */
export interface ApiRequest {
  method: 'POST' | 'PATCH' | 'DELETE';
  path: string;
  idempotencyKey?: string;
  body?: unknown;
}

/** A request as a command for a shell. The key is the variable `KEY`. */
export const curlOf = (
  { method, path, idempotencyKey, body }: ApiRequest,
  origin: string,
): string =>
  [
    `curl -X ${method} ${quoted(origin + path)}`,
    '-H "Authorization: Bearer $KEY"',
    ...(idempotencyKey === undefined ? [] : [`-H ${quoted(`Idempotency-Key: ${idempotencyKey}`)}`]),
    ...(body === undefined
      ? []
      : [`-H 'Content-Type: application/json'`, `-d ${quoted(JSON.stringify(body))}`]),
  ].join(' \\\n  ');

/** Text as one word of a shell. */
const quoted = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`;
