import type { MailInput } from './contracts/mails.ts';
import { notifyJobAgain, notifyRequest } from './activity-proxies.ts';

/**
 * Sends a mail again on request. Fails if the provider refuses the mail, or does not accept it in
 * time.
 */
export const sendMail = (input: MailInput): Promise<void> =>
  'jobId' in input ? notifyJobAgain(input) : notifyRequest(input);
