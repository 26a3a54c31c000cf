import type { ApiDeps, App } from './app.ts';
import { registerHealthRoutes } from './routes/health.ts';
import { registerMeRoutes } from './routes/me.ts';
import { registerProblemRoutes } from './routes/problems.ts';

/** Every route, in the order the OpenAPI document shows them. */
export const registerRoutes = (app: App, deps: ApiDeps): void => {
  registerMeRoutes(app, deps);
  registerProblemRoutes(app);
  registerHealthRoutes(app, deps);
};
