/** Why an attempt failed, with the text for people. */
export const ATTEMPT_ERRORS = {
  status: 'the receiver returned a status that is not a success',
  redirect: 'the receiver returned a redirect, which is not followed',
  gone: 'the receiver returned 410, so the webhook was disabled',
  timeout: 'the receiver did not accept the connection or respond in time',
  dns: 'the host has no known address',
  blockedAddress: 'the host has an address that is not public, or the URL is no longer allowed',
  connection: 'the connection was refused or interrupted',
  tls: 'the certificate or the TLS connection was not accepted',
  badAnswer: 'the response is not valid HTTP',
} as const;

/** Why a delivery failed without an attempt. */
export const DELIVERY_ERRORS = {
  ...ATTEMPT_ERRORS,
  switchedOff: 'the webhook was disabled before the delivery was sent',
  notTried: 'no attempt was made in time',
} as const;

export type AttemptError = keyof typeof ATTEMPT_ERRORS;
