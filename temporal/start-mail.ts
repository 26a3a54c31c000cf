import type { Client } from '@temporalio/client';
import { MAIL_TYPE, type MailInput, mailWorkflowIdOf } from '../workflows/contracts/mails.ts';
import { startWorkflow } from './start-workflow.ts';

/** A mail to send again. */
export interface StartableMail {
  input: MailInput;
  workspaceId: string;
}

/**
 * Starts a mail's workflow. A workflow that failed is started again.
 *
 * @throws as `startWorkflow` does
 */
export const startMailWorkflow = (
  client: Client,
  taskQueue: string,
  { input, workspaceId }: StartableMail,
): Promise<void> =>
  startWorkflow(client, taskQueue, {
    type: MAIL_TYPE,
    id: mailWorkflowIdOf(input),
    input,
    job: 'mail',
    workspaceId,
    summary: `Send a mail about workspace ${workspaceId} again`,
    mayRunAgain: true,
  });
