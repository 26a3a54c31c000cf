import type { MailInput } from './mail-contract.ts';
import { notifyJobAgain, notifyRequest } from './steps.ts';

/**
 * Sends a mail again, as somebody has asked; it fails when the provider refuses it, or takes it in
 * no time.
 */
export const sendMail = (input: MailInput): Promise<void> =>
  'jobId' in input ? notifyJobAgain(input) : notifyRequest(input);
