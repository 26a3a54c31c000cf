import { ScheduleAlreadyRunning, ScheduleOverlapPolicy, type Client } from '@temporalio/client';
import proto from '@temporalio/proto';
import { SEARCH_ATTRIBUTES, SWEEP_SCHEDULE_ID, SWEEP_TYPE } from '../workflows/contract.ts';

const SWEEP_INTERVAL = '1 minute';

const { IndexedValueType } = proto.temporal.api.enums.v1;
const TYPES = {
  KEYWORD: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
  INT: IndexedValueType.INDEXED_VALUE_TYPE_INT,
  DATETIME: IndexedValueType.INDEXED_VALUE_TYPE_DATETIME,
} as const;

/** Registers search attributes by their names; ours all, when none are named. */
export const addSearchAttributes = async (
  client: Client,
  namespace: string,
  names: readonly string[] = Object.keys(SEARCH_ATTRIBUTES),
): Promise<void> => {
  const wanted = Object.entries(SEARCH_ATTRIBUTES).filter(([name]) => names.includes(name));
  await client.connection.operatorService.addSearchAttributes({
    namespace,
    searchAttributes: Object.fromEntries(wanted.map(([name, type]) => [name, TYPES[type]])),
  });
};

/** Registers the search attributes that are missing: a workflow that sets an unknown one never gets on. */
export const registerSearchAttributes = async (client: Client, namespace: string) => {
  const { operatorService } = client.connection;
  const { customAttributes } = await operatorService.listSearchAttributes({ namespace });
  const missing = Object.keys(SEARCH_ATTRIBUTES).filter((name) => !(name in customAttributes));
  if (missing.length > 0) await addSearchAttributes(client, namespace, missing);
};

/** Creates the sweep's schedule, unless another worker has. */
export const ensureSweep = async (client: Client, taskQueue: string): Promise<void> => {
  try {
    await client.schedule.create({
      scheduleId: SWEEP_SCHEDULE_ID,
      spec: { intervals: [{ every: SWEEP_INTERVAL }] },
      policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: SWEEP_INTERVAL },
      action: {
        type: 'startWorkflow',
        workflowType: SWEEP_TYPE,
        workflowId: SWEEP_SCHEDULE_ID,
        taskQueue,
        args: [],
        workflowExecutionTimeout: '5 minutes',
      },
    });
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
  }
};
