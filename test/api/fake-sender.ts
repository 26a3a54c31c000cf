import { randomUUID } from 'node:crypto';
import {
  createClaimRequest,
  createDecideRequest,
} from '../../activities/delete-all/decide-request.ts';
import type { RequestWorkflows } from '../../api/delete-all/request-workflows.ts';
import { fakeDecideDeps } from '../support/steps/activity-deps.ts';
import type { TestDatabase } from '../support/database/database.ts';
import { setDecisionTime } from '../support/database/decision-clock.ts';

/**
 * Stands in for the workflow of a request. It decides by the real rules, at a time that the test
 * sets.
 */
export interface FakeSender extends RequestWorkflows {
  started: string[];
  sent: { requestId: string; kind: string; decisionId: string }[];
  /** Sets the time at which the database decides; null for its own clock. */
  setTime: (at: number | null) => Promise<void>;
  /** `away`: Temporal does not answer. `silent`: no worker does. `over`: the workflow has ended. */
  mode: 'answers' | 'away' | 'silent' | 'over';
}

export const createFakeSender = ({ app, owner }: TestDatabase): FakeSender => {
  const deps = fakeDecideDeps(app);
  const runIds = new Map<string, string>();
  const runOf = (requestId: string) => () => ({ runId: runIds.get(requestId) ?? '' });
  const sender: FakeSender = {
    started: [],
    sent: [],
    setTime: (at) => setDecisionTime(owner, at),
    mode: 'answers',
    start: async ({ id }) => {
      if (sender.mode === 'away') throw new Error('Temporal is away');
      sender.started.push(id);
      runIds.set(id, randomUUID());
      await createClaimRequest(deps, runOf(id))({ requestId: id });
    },
    send: async (requestId, kind, { decisionId }) => {
      if (sender.mode === 'away') throw new Error('Temporal is away');
      if (sender.mode === 'over') return false;
      sender.sent.push({ requestId, kind, decisionId });
      if (sender.mode === 'silent') return true;
      const decide = createDecideRequest(deps, runOf(requestId));
      await decide({ requestId, kind, decisionId, id: randomUUID() });
      return true;
    },
  };
  return sender;
};
