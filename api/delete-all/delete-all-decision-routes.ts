import { z } from 'zod';
import type { MessageKind } from '../../workflows/contract.ts';
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
  /** Where every word is optional, no body is as good; where there is no schema, none is taken. */
  body?: z.ZodType<Words | null | undefined>;
}[] = [
  {
    kind: 'approve',
    summary: 'Open the window; never for oneself, by whichever key',
    body: z
      .strictObject({ note: reasonSchema.optional() })
      .nullish()
      .meta({ examples: [{ note: 'Agreed with the customer' }] }),
  },
  {
    kind: 'deny',
    summary: 'Say no, and why',
    body: z
      .strictObject({ reason: reasonSchema })
      .meta({ examples: [{ reason: 'The contract goes on' }] }),
  },
  {
    kind: 'revoke',
    summary: 'Close an open window before its time',
    body: z
      .strictObject({ reason: reasonSchema.optional() })
      .nullish()
      .meta({ examples: [{ reason: 'The customer has called' }] }),
  },
  {
    kind: 'withdraw',
    summary: 'Take the request back, by any admin of the workspace',
  },
];

/** Decisions on a request. Each is taken by its workflow, whose rules hold on every way in. */
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
        return describeRequest(row, deps);
      },
    );
  }
};
