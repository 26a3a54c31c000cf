import { z } from 'zod';
import type { MessageKind } from '../../workflows/contracts/delete-all.ts';
import type { ApiDeps } from '../deps.ts';
import type { App } from '../http/app.ts';
import { decide } from './decide.ts';
import { describeRequest, requestSchema } from './delete-all-json.ts';
import { reasonSchema } from '../jobs/reason.ts';

interface Words {
  note?: string | undefined;
  reason?: string | undefined;
}

const DECISIONS: readonly {
  kind: Exclude<MessageKind, 'run'>;
  summary: string;
  /** The body may be omitted if all its fields are optional; without a schema it must be empty. */
  body?: z.ZodType<Words | null | undefined>;
}[] = [
  {
    kind: 'approve',
    summary: 'Approve a request and open its window; not allowed for your own request',
    body: z
      .strictObject({ note: reasonSchema.optional() })
      .nullish()
      .meta({ examples: [{ note: 'Agreed with the customer' }] }),
  },
  {
    kind: 'deny',
    summary: 'Deny a request and give the reason',
    body: z
      .strictObject({ reason: reasonSchema })
      .meta({ examples: [{ reason: 'The contract continues' }] }),
  },
  {
    kind: 'revoke',
    summary: 'Close an open window early',
    body: z
      .strictObject({ reason: reasonSchema.optional() })
      .nullish()
      .meta({ examples: [{ reason: 'The customer called' }] }),
  },
  {
    kind: 'withdraw',
    summary: 'Withdraw a request; any admin of the workspace may do this',
  },
];

/** Decisions on a request. The workflow makes each decision, by the same rules for all callers. */
export const registerDeleteAllDecisionRoutes = (app: App, deps: ApiDeps): void => {
  for (const { kind, summary, body } of DECISIONS) {
    app.post(
      `/v1/delete-all-requests/:id/${kind}`,
      {
        schema: {
          operationId: `${kind}DeleteAll`,
          summary,
          tags: ['delete all'],
          params: z.strictObject({ id: z.uuid() }),
          querystring: z.strictObject({}),
          ...(body !== undefined && { body }),
          response: { 200: requestSchema.describe('The request after the decision') },
        },
      },
      async (request) => {
        const words: Words = request.body ?? {};
        const reason = words.reason ?? words.note;
        const row = await decide(request, deps, request.params.id, () => ({ kind, reason }));
        return describeRequest(row, deps, request.actor);
      },
    );
  }
};
