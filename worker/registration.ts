import {
  type Client,
  ScheduleAlreadyRunning,
  ScheduleNotFoundError,
  ScheduleOverlapPolicy,
  WorkflowExecutionAlreadyStartedError,
} from '@temporalio/client';
import proto from '@temporalio/proto';
import { SCHEDULES, SWEEP } from '../workflows/contracts/jobs.ts';
import { SEARCH_ATTRIBUTES } from '../workflows/contracts/search-attributes.ts';

const { IndexedValueType } = proto.temporal.api.enums.v1;
/** The types of the contract: their code, and their name in Temporal's CLI and UI. */
const TYPES = {
  KEYWORD: { code: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD, cliName: 'Keyword' },
  INT: { code: IndexedValueType.INDEXED_VALUE_TYPE_INT, cliName: 'Int' },
  DATETIME: { code: IndexedValueType.INDEXED_VALUE_TYPE_DATETIME, cliName: 'Datetime' },
} as const;

type Name = keyof typeof SEARCH_ATTRIBUTES;
const NAMES = Object.keys(SEARCH_ATTRIBUTES) as Name[];

/** The longest wait for Temporal to complete a registration, in milliseconds. */
const DEADLINE_MS = 15_000;

/** Adds all search attributes, for a server that cannot list them. */
export const addSearchAttributes = async (client: Client, namespace: string): Promise<void> => {
  for (const name of NAMES) await addSearchAttribute(client, namespace, name);
};

/**
 * Creates missing search attributes and schedules, and starts the sweep if it does not run. It can
 * be called again, and by several workers at once.
 *
 * @returns the names of what was missing
 * @throws Error named `TemporalRefusal` when a search attribute cannot be created: one sentence
 *   that says what to do; an error of the SDK when Temporal does not answer in time
 */
export const register = (client: Client, namespace: string, taskQueue: string): Promise<string[]> =>
  client.withDeadline(Date.now() + DEADLINE_MS, async () => {
    const made = await registerSearchAttributes(client, namespace);
    for (const schedule of SCHEDULES) {
      if (await ensureSchedule(client, taskQueue, schedule)) made.push(schedule.id);
    }
    await removeOldSchedule(client);
    if (await ensureSweep(client, taskQueue)) made.push(SWEEP.id);
    return made;
  });

/**
 * Adds a search attribute to a namespace.
 *
 * @throws gRPC's error when the server does not accept it
 */
const addSearchAttribute = (client: Client, namespace: string, name: Name) =>
  client.connection.operatorService.addSearchAttributes({
    namespace,
    searchAttributes: { [name]: TYPES[SEARCH_ATTRIBUTES[name]].code },
  });

/**
 * Adds the missing search attributes one by one, so that an error can name the refused one. A
 * workflow that sets an unknown attribute would be blocked.
 *
 * @returns the names of the added attributes
 * @throws Error named `TemporalRefusal` when an attribute has another type, or the server accepts
 *   no more
 */
const registerSearchAttributes = async (client: Client, namespace: string): Promise<string[]> => {
  const missing = await findMissing(client, namespace);
  for (const name of missing) {
    try {
      await addSearchAttribute(client, namespace, name);
    } catch (error) {
      // Another worker may have added the attribute in the meantime.
      const isMissing = (await findMissing(client, namespace)).includes(name);
      if (isMissing) throw refuseAdding(namespace, name, error);
    }
  }
  return missing;
};

/** The missing search attributes. @throws Error when an attribute has another type */
const findMissing = async (client: Client, namespace: string): Promise<Name[]> => {
  const { operatorService } = client.connection;
  const { customAttributes } = await operatorService.listSearchAttributes({ namespace });
  return NAMES.filter((name) => {
    const found = customAttributes[name];
    if (found === undefined) return true;
    if (found !== TYPES[SEARCH_ATTRIBUTES[name]].code) throw refuseType(namespace, name, found);
    return false;
  });
};

const refuseType = (namespace: string, name: Name, code: number): Error =>
  refuse(
    `Temporal's namespace ${namespace} has the search attribute ${name} with the type ${cliNameOf(code)}, but ` +
      `Keepsake needs the type ${TYPES[SEARCH_ATTRIBUTES[name]].cliName}: remove the attribute ` +
      `(${removalOf(namespace, name)}), then start the worker again.`,
  );

const refuse = (message: string, cause?: unknown): Error =>
  Object.assign(new Error(message, { cause }), { name: 'TemporalRefusal' });

/** Turns `INDEXED_VALUE_TYPE_KEYWORD_LIST` into `KeywordList`. */
const cliNameOf = (code: number): string =>
  (IndexedValueType[code] ?? `type ${code}`)
    .replace('INDEXED_VALUE_TYPE_', '')
    .toLowerCase()
    .replaceAll(/(?:^|_)(\w)/g, (_, letter: string) => letter.toUpperCase());

const removalOf = (namespace: string, name: string): string =>
  `temporal operator search-attribute remove --namespace ${namespace} --name ${name}`;

/**
 * A Temporal server on SQL limits the number of attributes per type. Its own error message says so.
 */
const refuseAdding = (namespace: string, name: Name, error: unknown): Error => {
  const { details, message } = error as { details?: string; message: string };
  const type = TYPES[SEARCH_ATTRIBUTES[name]].cliName;
  return refuse(
    `Temporal's namespace ${namespace} cannot add the search attribute ${name} of the type ${type} ` +
      `(${details ?? message}): remove an unused attribute of that type ` +
      `(${removalOf(namespace, '<name>')}), or add ${name} by hand, then start the worker again.`,
    error,
  );
};

/** @returns whether the schedule was missing */
const ensureSchedule = async (
  client: Client,
  taskQueue: string,
  { id, workflowType, every, timeout }: (typeof SCHEDULES)[number],
): Promise<boolean> => {
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
    return true;
  } catch (error) {
    if (error instanceof ScheduleAlreadyRunning) return false;
    throw error;
  }
};

/** Earlier versions had a schedule for the sweep, which started a workflow each minute. */
const removeOldSchedule = async (client: Client): Promise<void> => {
  try {
    await client.schedule.getHandle(SWEEP.id).delete();
  } catch (error) {
    if (!(error instanceof ScheduleNotFoundError)) throw error;
  }
};

/** @returns whether the sweep was not running */
const ensureSweep = async (client: Client, taskQueue: string): Promise<boolean> => {
  try {
    await client.workflow.start(SWEEP.workflowType, {
      workflowId: SWEEP.id,
      taskQueue,
      args: [],
      workflowIdReusePolicy: 'ALLOW_DUPLICATE',
      workflowIdConflictPolicy: 'FAIL',
      staticSummary: 'Start or end jobs, requests and deliveries after a crash, every minute',
    });
    return true;
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return false;
    throw error;
  }
};
