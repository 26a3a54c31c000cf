import { randomUUID } from 'node:crypto';
import { createClaimRequest, createDecideRequest } from '../../activities/decide-request.ts';
import type { RequestSender } from '../../api/request-sender.ts';
import type { Database } from '../../db/client.ts';
import { fakeDeps } from '../support/activity-deps.ts';

const DAY_MS = 86_400_000;

/** Stands in for the workflow of a request: decides by the real rules, at a time of one's choice. */
export interface FakeSender extends RequestSender {
  started: string[];
  sent: { requestId: string; kind: string; by: string; decisionId: string }[];
  /** Added to the clock. */
  shiftMs: number;
  /** `away`: Temporal does not answer. `silent`: no worker does. `over`: the workflow has ended. */
  mode: 'answers' | 'away' | 'silent' | 'over';
}

export const createFakeSender = (database: Database): FakeSender => {
  const deps = fakeDeps(database);
  const claim = createClaimRequest(deps);
  const decide = createDecideRequest(deps);
  const sender: FakeSender = {
    started: [],
    sent: [],
    shiftMs: 0,
    mode: 'answers',
    start: async ({ id }) => {
      if (sender.mode === 'away') throw new Error('Temporal is away');
      sender.started.push(id);
      const at = Date.now() + sender.shiftMs;
      await claim({ requestId: id, runId: randomUUID(), at, lapseMs: 14 * DAY_MS });
    },
    send: async (requestId, kind, { by, decisionId }) => {
      if (sender.mode === 'away') throw new Error('Temporal is away');
      if (sender.mode === 'over') return false;
      sender.sent.push({ requestId, kind, by, decisionId });
      if (sender.mode === 'silent') return true;
      const at = Date.now() + sender.shiftMs;
      const window = { windowMs: 3 * DAY_MS, at };
      await decide({ requestId, kind, by, decisionId, ...window, id: randomUUID() });
      return true;
    },
  };
  return sender;
};
