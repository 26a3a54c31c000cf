/** The registered workflow types, by their names in Temporal. */
export { deleteAllUsers as DeleteAllUsers } from './delete-all-users.ts';
export { deleteUsers as DeleteUsers } from './delete-users.ts';
export { deliverWebhook as DeliverWebhook } from './deliver-webhook.ts';
export { destroyExpired as DestroyExpired, scrubBackups as ScrubBackups } from './schedules.ts';
export { exportUsers as ExportUsers } from './export-users.ts';
export { importUsers as ImportUsers } from './import-users.ts';
export { restoreUsers as RestoreUsers } from './restore-users.ts';
export { sendMail as SendMail } from './send-mail.ts';
export { startQueued as StartQueued } from './start-queued.ts';
