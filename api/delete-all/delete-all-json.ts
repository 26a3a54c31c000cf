import { z } from 'zod';
import { personOfKey } from '../../db/keys-of.ts';
import type { Db } from '../../db/client.ts';
import { listDecisions } from '../../db/delete-all/decisions.ts';
import type { RequestRow } from '../../db/delete-all/delete-all-requests.ts';
import type { Role } from '../../db/schema.ts';
import { listRequestMails } from '../../db/mails/mail-rounds.ts';
import { countWorkspaceUsers } from '../../db/deletions/previews.ts';
import { DECIDER_REFUSALS, refuseDecider } from '../../rules/delete-all.ts';
import { REQUEST_STATES, requestWorkflowIdOf } from '../../workflows/contracts/delete-all.ts';
import type { Actor } from '../actor.ts';
import type { ApiDeps } from '../deps.ts';
import { requestMailSchema, toRequestMailJson } from '../mails/mail-json.ts';

const time = z.string().describe('RFC 3339, UTC');
const personSchema = z.object({ id: z.uuid(), role: z.string(), ownerName: z.string() });

const summarySchema = z.object({
  id: z.uuid(),
  workspace: z.string(),
  workspaceName: z.string(),
  state: z.enum(REQUEST_STATES),
  reason: z.string(),
  ticket: z.string().nullable(),
  requester: personSchema,
  createdAt: time,
  lapsesAt: time.nullable().describe('The platform team can answer until then'),
  window: z
    .object({ opensAt: time, closesAt: time })
    .nullable()
    .describe('Set once the request is approved'),
  finishedAt: time.nullable(),
  users: z.object({
    whenAsked: z.int(),
    now: z.int().optional().describe('Only if a single request is read'),
  }),
  jobId: z.uuid().nullable().describe('The latest deletion of the request'),
  mayDecide: z
    .object({
      ok: z.boolean(),
      why: z
        .enum(DECIDER_REFUSALS)
        .nullable()
        .describe(
          'The reason if not. `selfApproval`: the same person made the request. `tooLate`: `lapsesAt` has passed',
        ),
    })
    .describe('Whether your key may approve or deny the request now'),
  links: z.record(z.string(), z.string()),
  workflow: z.object({ id: z.string(), uiUrl: z.string().nullable() }),
});

/** A request as in lists. */
export const requestSummarySchema = summarySchema.meta({ id: 'DeleteAllRequestSummary' });

/** A request with all its decisions, accepted or rejected. */
export const requestSchema = summarySchema
  .extend({
    timeline: z.array(
      z.object({
        at: time,
        event: z.string(),
        outcome: z.enum(['pending', 'accepted', 'refused']),
        refusal: z.string().nullable(),
        state: z
          .enum(REQUEST_STATES)
          .nullable()
          .describe('State of the request after the decision'),
        by: personSchema.nullable().describe('Null for decisions by time, and for unknown keys'),
        reason: z.string().nullable(),
      }),
    ),
    mail: z
      .array(requestMailSchema)
      .describe('Mails about the request, one per person; the newest 500'),
  })
  .meta({ id: 'DeleteAllRequest' });

type Summary = z.infer<typeof summarySchema>;
type Deps = Pick<ApiDeps, 'config' | 'jobs'>;

/** The reader of a request. */
export interface Viewer {
  role: Role;
  /** As in `api_keys.person`: the same for all keys of a person. */
  person: string;
}

export const findViewer = async (
  db: Db,
  { id, role }: Pick<Actor, 'id' | 'role'>,
): Promise<Viewer> => ({ role, person: await personOfKey(db, id) });

/** A request as in a list. */
export const summarizeRequest = (row: RequestRow, deps: Deps, viewer: Viewer): Summary => ({
  id: row.id,
  workspace: row.workspace_id,
  workspaceName: row.workspace_name,
  state: row.state,
  reason: row.reason,
  ticket: row.ticket,
  requester: {
    id: row.requester_shown_id,
    role: row.requester_role,
    ownerName: row.requester_name,
  },
  createdAt: row.created_at.toISOString(),
  lapsesAt: iso(row.lapses_at),
  window:
    row.opens_at === null || row.closes_at === null
      ? null
      : { opensAt: row.opens_at.toISOString(), closesAt: row.closes_at.toISOString() },
  finishedAt: iso(row.finished_at),
  users: { whenAsked: row.users_then },
  jobId: row.job_id,
  mayDecide: mayDecide(row, viewer),
  links: {
    self: `/v1/delete-all-requests/${row.id}`,
    ...(row.job_id !== null && { job: `/v1/jobs/${row.job_id}` }),
  },
  workflow: { id: requestWorkflowIdOf(row.id), uiUrl: uiUrlOf(row, deps) },
});

/** One request, with the current number of users of its workspace. */
export const describeRequest = async (
  row: RequestRow,
  deps: Deps & Pick<ApiDeps, 'database'>,
  actor: Pick<Actor, 'id' | 'role'>,
): Promise<z.infer<typeof requestSchema>> => {
  const { db } = deps.database;
  const summary = summarizeRequest(row, deps, await findViewer(db, actor));
  const [now, timeline, mails] = await Promise.all([
    countWorkspaceUsers(db, row.workspace_id),
    timelineOf(db, row),
    listRequestMails(db, row.id),
  ]);
  const mail = mails.map(toRequestMailJson);
  return { ...summary, users: { ...summary.users, now }, timeline, mail };
};

const mayDecide = (row: RequestRow, viewer: Viewer): Summary['mayDecide'] => {
  const why = refuseDecider(row, viewer);
  return { ok: why === null, why };
};

const iso = (at: Date | null): string | null => at?.toISOString() ?? null;

const uiUrlOf = ({ id }: RequestRow, { config, jobs }: Deps): string | null => {
  if (config.temporalUiUrl === undefined) return null;
  const workflowId = encodeURIComponent(requestWorkflowIdOf(id));
  return `${config.temporalUiUrl}/namespaces/${jobs.namespace}/workflows/${workflowId}`;
};

const timelineOf = async (db: Db, row: RequestRow) => {
  const decisions = await listDecisions(db, row.id);
  const requester = summarizePerson(row.requester_shown_id, row.requester_role, row.requester_name);
  const asked = {
    at: row.created_at.toISOString(),
    event: 'ask',
    outcome: 'accepted' as const,
    refusal: null,
    state: 'requested' as const,
    by: requester,
    reason: row.reason,
  };
  const tried = decisions.map((decision) => ({
    at: decision.at.toISOString(),
    event: decision.kind,
    outcome: decision.outcome,
    refusal: decision.refusal,
    state: decision.state,
    by: summarizePerson(decision.shown_id, decision.role, decision.owner_name),
    reason: decision.reason,
  }));
  return [asked, ...tried];
};

const summarizePerson = (id: string | null, role: string | null, ownerName: string | null) =>
  id === null ? null : { id, role: role ?? '', ownerName: ownerName ?? '' };
