/** Why an attempt failed, with the text for people. */
export const ATTEMPT_ERRORS = {
  status: 'it answered with a status that is no success',
  redirect: 'it answered with a redirect, which is not followed',
  gone: 'it answered 410, by which the webhook is switched off',
  timeout: 'there was no connection, or no answer, in time',
  dns: 'nobody knows an address of its host',
  blockedAddress:
    'its host has an address that is not a public one, or the URL is no longer allowed',
  connection: 'the connection was refused or broke off',
  tls: 'its certificate, or its TLS, was not accepted',
  badAnswer: 'its answer is no HTTP',
} as const;

/** Why a delivery failed without an attempt. */
export const DELIVERY_ERRORS = {
  ...ATTEMPT_ERRORS,
  switchedOff: 'the webhook was switched off before it was sent',
  notTried: 'nobody tried in all its time',
} as const;

export type AttemptError = keyof typeof ATTEMPT_ERRORS;
