/**
 * How a person with a key decides on a delete-all request; told by mails and by the page they lead
 * to.
 */

/** What is sent with a decision that needs words. */
const BODIES: Readonly<Record<string, object>> = { deny: { reason: 'Why not' } };

/**
 * A command that decides, once `$KEY` is a key that may. `request` is the request's URL in the API.
 */
export const decisionCall = (request: string, kind: string): string => {
  const body = BODIES[kind];
  const sent =
    body === undefined
      ? ''
      : ` -H 'Content-Type: application/json' --data '${JSON.stringify(body)}'`;
  return `curl -X POST -H "Authorization: Bearer $KEY"${sent} ${request}/${kind}`;
};
