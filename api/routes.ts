import type { ApiDeps, App } from './app.ts';
import { registerBackupRoutes } from './routes/backups.ts';
import { registerDeleteUserRoute } from './routes/delete-user.ts';
import { registerDeletionPreviewRoutes } from './routes/deletion-previews.ts';
import { registerDeletionRoutes } from './routes/deletions.ts';
import { registerDownloadRoutes } from './routes/downloads.ts';
import { registerExportRoutes } from './routes/exports.ts';
import { registerHealthRoutes } from './routes/health.ts';
import { registerJobRecordRoutes } from './routes/job-records.ts';
import { registerJobRoutes } from './routes/jobs.ts';
import { registerLinkRoutes } from './routes/links.ts';
import { registerMeRoutes } from './routes/me.ts';
import { registerProblemRoutes } from './routes/problems.ts';
import { registerPropertyRoutes } from './routes/properties.ts';
import { registerPublicLinkRoutes } from './routes/public-links.ts';
import { registerRestoreRoutes } from './routes/restores.ts';
import { registerSegmentRoutes } from './routes/segments.ts';
import { registerUserRoutes } from './routes/users.ts';

/** Every route, in the order the OpenAPI document shows them. */
export const registerRoutes = (app: App, deps: ApiDeps): void => {
  registerMeRoutes(app, deps);
  registerUserRoutes(app, deps);
  registerDeleteUserRoute(app, deps);
  registerPropertyRoutes(app, deps);
  registerSegmentRoutes(app, deps);
  registerExportRoutes(app, deps);
  registerDownloadRoutes(app, deps);
  registerLinkRoutes(app, deps);
  registerPublicLinkRoutes(app, deps);
  registerDeletionPreviewRoutes(app, deps);
  registerDeletionRoutes(app, deps);
  registerBackupRoutes(app, deps);
  registerRestoreRoutes(app, deps);
  registerJobRecordRoutes(app, deps);
  registerJobRoutes(app, deps);
  registerHealthRoutes(app, deps);
  registerProblemRoutes(app);
};
