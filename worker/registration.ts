import { ScheduleAlreadyRunning, ScheduleOverlapPolicy, type Client } from '@temporalio/client';
import proto from '@temporalio/proto';
import { SCHEDULES, SEARCH_ATTRIBUTES } from '../workflows/contract.ts';

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

const ensureSchedule = async (
  client: Client,
  taskQueue: string,
  { id, workflowType, every, timeout }: (typeof SCHEDULES)[number],
): Promise<void> => {
  try {
    await client.schedule.create({
      scheduleId: id,
      spec: { intervals: [{ every }] },
      policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: every },
      action: {
        type: 'startWorkflow',
        workflowType,
        workflowId: id,
        taskQueue,
        args: [],
        workflowExecutionTimeout: timeout,
      },
    });
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
  }
};

/** Creates the schedules, but those another worker has created. */
export const ensureSchedules = async (client: Client, taskQueue: string): Promise<void> => {
  for (const schedule of SCHEDULES) await ensureSchedule(client, taskQueue, schedule);
};
