import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { readDeleteAllRules } from '../../db/delete-all/delete-all-settings.ts';
import { MAX_PROPERTIES } from '../../db/users/properties.ts';
import { MAX_MERGED_USERS } from '../../db/users/user-merge.ts';
import { MAX_USER_LISTS } from '../../db/users/user-lists.ts';
import { MAX_LINES } from '../../imports/lines.ts';
import { MAX_LIST_ENTRIES } from '../../imports/user-list.ts';
import {
  BACKUP_DAYS,
  DOWNLOAD_DAYS,
  IMPORT_FILE_DAYS,
  MAX_BACKUP_YEARS,
  MAX_LINK_HOURS,
  OF_THE_DATABASE,
  PREVIEW_MINUTES,
} from '../../rules/retention.ts';
import { MAX_FILTER_CONDITIONS, MAX_FILTER_DEPTH, MAX_IN_VALUES } from '../../selection/filter.ts';
import { MAX_CHOSEN_IDS, MAX_DIRECT_IDS, MAX_EXCLUDED_IDS } from '../../selection/selection.ts';
import type { ApiDeps } from '../deps.ts';
import type { App } from '../http/app.ts';
import { COUNT_DEADLINE_MS, IMPORT_MAX_BYTES } from '../http/limits.ts';
import { MAX_PAGE } from '../http/paging.ts';

/** The version of this service. */
const { version: VERSION } = JSON.parse(
  readFileSync(join(import.meta.dirname, '..', '..', 'package.json'), 'utf8'),
) as { version: string };

const RETENTION = {
  exportDays: DOWNLOAD_DAYS,
  backupDays: BACKUP_DAYS,
  maxBackupYears: MAX_BACKUP_YEARS,
  importFileDays: IMPORT_FILE_DAYS,
  userListDays: OF_THE_DATABASE.userListDays,
  maxLinkHours: MAX_LINK_HOURS,
  previewMinutes: PREVIEW_MINUTES,
};

const LIMITS = {
  pageSize: MAX_PAGE,
  countSeconds: COUNT_DEADLINE_MS / 1000,
  mergedUsers: MAX_MERGED_USERS,
  chosenIds: MAX_CHOSEN_IDS,
  idsWithoutPreview: MAX_DIRECT_IDS,
  excludedIds: MAX_EXCLUDED_IDS,
  filterConditions: MAX_FILTER_CONDITIONS,
  filterDepth: MAX_FILTER_DEPTH,
  filterValues: MAX_IN_VALUES,
  properties: MAX_PROPERTIES,
  userLists: MAX_USER_LISTS,
  userListEntries: MAX_LIST_ENTRIES,
  importBytes: IMPORT_MAX_BYTES,
  importLines: MAX_LINES,
};

/** The schema of an object of whole numbers with the names of `values`. */
const integersOf = <Name extends string>(values: Record<Name, number>) =>
  Object.fromEntries(Object.keys(values).map((name) => [name, z.int()])) as Record<
    Name,
    ReturnType<typeof z.int>
  >;

const seconds = z.number();

const settingsSchema = z
  .object({
    version: z.string(),
    deleteAll: z
      .object({
        percent: z.number().describe('A larger share of a workspace needs an approval'),
        leastUsers: z.int().describe('In smaller workspaces, no deletion needs an approval'),
        memorySeconds: seconds.describe('Deletions within this time count together'),
        windowSeconds: seconds.describe('How long a request can be run after its approval'),
        lapseSeconds: seconds.describe('How long a request can be approved'),
        remindAfterSeconds: seconds.describe('The platform team is reminded after this time'),
        closingReminderSeconds: z
          .array(seconds)
          .describe('Admins are reminded at these times before the window closes'),
      })
      .describe('The rules for new requests. An existing request keeps its times'),
    retention: z.object(integersOf(RETENTION)).describe('How long things are kept'),
    limits: z
      .object({ requestsPerMinute: z.int(), ...integersOf(LIMITS) })
      .describe('The largest possible values of one request, workspace or file'),
    temporalUiUrl: z.string().nullable().describe('The Web UI of Temporal, if it is configured'),
  })
  .meta({ id: 'Settings' });

export const registerSettingsRoutes = (app: App, { database: { db }, config }: ApiDeps): void => {
  app.get(
    '/v1/settings',
    {
      schema: {
        operationId: 'getSettings',
        summary: 'Get the rules, lifetimes and limits of this service',
        tags: ['me'],
        querystring: z.strictObject({}),
        response: { 200: settingsSchema.describe('The settings; they hold no secret') },
      },
    },
    async () => ({
      version: VERSION,
      deleteAll: await readDeleteAllRules(db),
      retention: RETENTION,
      limits: { requestsPerMinute: config.rateLimitPerMinute, ...LIMITS },
      temporalUiUrl: config.temporalUiUrl ?? null,
    }),
  );
};
