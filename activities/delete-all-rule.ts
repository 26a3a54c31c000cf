import type { DecisionKind, FinalState, Refusal, RequestState } from '../workflows/contract.ts';

/** What is known when something asks to move a request on. Times are workflow time, in milliseconds. */
export interface Facts {
  at: number;
  lapsesAt: number;
  closesAt: number | null;
  /** Whose key the message names; null when there is no such key. */
  decider: {
    role: 'admin' | 'platform' | 'ops';
    isRevoked: boolean;
    /** Whether it is a key of the request's workspace. */
    isOfWorkspace: boolean;
    /** Whether its owner is the person who asked, by any of their keys. */
    isRequester: boolean;
  } | null;
  hasReason: boolean;
  /** The preview a run was confirmed with. */
  preview: 'usable' | 'missing' | 'expired' | 'used';
  /** How the run ended; null while it has not. */
  run: { state: FinalState; deleted: number } | null;
}

/** Where a decision leads, or why it is refused. */
export type Verdict = { to: RequestState } | { refusal: Refusal };

const refuse = (refusal: Refusal): Verdict => ({ refusal });
const lead = (to: RequestState): Verdict => ({ to });

/** Who may decide what. The platform team judges what somebody else asked for; the workspace acts. */
const refuseDecider = (kind: DecisionKind, { decider }: Facts): Refusal | undefined => {
  if (decider === null) return 'unknownKey';
  if (decider.isRevoked) return 'revokedKey';
  if (kind === 'withdraw' || kind === 'run') {
    return decider.role === 'admin' && decider.isOfWorkspace ? undefined : 'wrongRole';
  }
  if (decider.role !== 'platform') return 'wrongRole';
  return decider.isRequester && kind !== 'revoke' ? 'selfApproval' : undefined;
};

const judge = (state: RequestState, to: RequestState, { at, lapsesAt }: Facts): Verdict => {
  if (state !== 'requested') return refuse('wrongState');
  return at < lapsesAt ? lead(to) : refuse('tooLate');
};

const inWindow = (state: RequestState, { at, closesAt }: Facts): Refusal | undefined => {
  if (state !== 'open') return 'wrongState';
  return closesAt !== null && at < closesAt ? undefined : 'tooLate';
};

const startRun = (state: RequestState, facts: Facts): Verdict => {
  const refusal = inWindow(state, facts);
  if (refusal !== undefined) return refuse(refusal);
  switch (facts.preview) {
    case 'usable':
      return lead('running');
    case 'expired':
      return refuse('previewExpired');
    case 'used':
      return refuse('previewUsed');
    case 'missing':
      return refuse('notConfirmed');
  }
};

const ENDS = {
  succeeded: 'completed',
  partiallySucceeded: 'completedWithFailures',
  failed: 'failed',
  cancelled: 'cancelled',
} as const;

/** A run that broke off before anybody was deleted hands the window back, as long as it is open. */
const endRun = (state: RequestState, { run, at, closesAt }: Facts): Verdict => {
  if (state !== 'running') return refuse('wrongState');
  if (run === null) return refuse('stillRunning');
  const isUnused = run.deleted === 0 && run.state !== 'succeeded' && run.state !== 'cancelled';
  if (!isUnused) return lead(ENDS[run.state]);
  return closesAt !== null && at < closesAt ? lead('open') : lead('expired');
};

/**
 * The rules of deleting everyone: where an event leads a request that is in `state`. Reads nothing and
 * keeps nothing, so it is the same however the event came.
 */
export const ruleOn = (state: RequestState, kind: DecisionKind, facts: Facts): Verdict => {
  switch (kind) {
    case 'lapse':
      if (state !== 'requested') return refuse('wrongState');
      return facts.at >= facts.lapsesAt ? lead('lapsed') : refuse('tooEarly');
    case 'expire':
      if (state !== 'open') return refuse('wrongState');
      return inWindow(state, facts) === undefined ? refuse('tooEarly') : lead('expired');
    case 'finish':
      return endRun(state, facts);
    case 'stop':
      return state === 'requested' || state === 'open' ? lead('cancelled') : refuse('wrongState');
    case 'approve':
    case 'deny':
    case 'revoke':
    case 'withdraw':
    case 'run':
      return ruleOnMessage(state, kind, facts);
  }
};

const ruleOnMessage = (
  state: RequestState,
  kind: 'approve' | 'deny' | 'revoke' | 'withdraw' | 'run',
  facts: Facts,
): Verdict => {
  const refusal = refuseDecider(kind, facts);
  if (refusal !== undefined) return refuse(refusal);
  switch (kind) {
    case 'approve':
      return judge(state, 'open', facts);
    case 'deny':
      return facts.hasReason ? judge(state, 'denied', facts) : refuse('reasonRequired');
    case 'withdraw': {
      if (state === 'requested') return judge(state, 'withdrawn', facts);
      const late = inWindow(state, facts);
      return late === undefined ? lead('withdrawn') : refuse(late);
    }
    case 'revoke': {
      const late = inWindow(state, facts);
      return late === undefined ? lead('revoked') : refuse(late);
    }
    case 'run':
      return startRun(state, facts);
  }
};
