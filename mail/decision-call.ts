/**
 * How a person with a key decides on a delete-all request; shown in mails and on the page that they
 * link to.
 */

/** Bodies of decisions that require one. */
const BODIES: Readonly<Record<string, object>> = { deny: { reason: 'Your reason' } };

/**
 * A command that decides. `$KEY` must be a key with the right to decide. `request` is the URL of
 * the request in the API.
 */
export const decisionCall = (request: string, kind: string): string => {
  const body = BODIES[kind];
  const sent =
    body === undefined
      ? ''
      : ` -H 'Content-Type: application/json' --data '${JSON.stringify(body)}'`;
  return `curl -X POST -H "Authorization: Bearer $KEY"${sent} ${request}/${kind}`;
};
