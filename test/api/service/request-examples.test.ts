import { beforeAll, expect, test } from 'vitest';
import { makeExport, makeJob } from '../../support/steps/export-rows.ts';
import { filePart, optionsPart, upload, uploadList } from '../../support/http/multipart.ts';
import { useApi, type Answer } from '../support.ts';

/** The examples of the OpenAPI document. Each is sent unchanged, except ids and counts. */

const api = useApi();

type Example = Record<string, unknown>;

interface Operation {
  operationId: string;
  path: string;
  method: 'POST' | 'PUT' | 'PATCH';
  example: unknown;
  schema: unknown;
}

const operations = new Map<string, Operation>();
const sent = new Set<string>();

interface Sending {
  /** The id in the path. */
  id?: string;
  key?: string;
  /** Fields of the example whose values differ in each database. */
  change?: Example;
}

/** Sends the example of an operation. */
const send = async (operationId: string, wanted: Sending = {}): Promise<Answer> => {
  const { path, method, example } = operations.get(operationId)!;
  sent.add(operationId);
  const body = wanted.change ? { ...(example as Example), ...wanted.change } : example;
  const url = path.replace(/\{\w+\}/, wanted.id ?? '');
  const sees = wanted.key === undefined ? '' : '?workspace=one';
  const answer = await api().call(method, url + sees, {
    body,
    ...(wanted.key !== undefined && { key: wanted.key }),
  });
  expect({ operationId, isTaken: answer.status < 300, text: answer.text }).toMatchObject({
    operationId,
    isTaken: true,
  });
  return answer;
};

/** Adds a job of workspace `one` that has ended. */
const endedJob = async (type: 'export' | 'deletion', state: string): Promise<string> => {
  const { owner } = api().database;
  const id = await makeJob(owner.db, { workspaceId: 'one', keyId: api().keyIds.one, type });
  await owner.pool.query('UPDATE jobs SET state = $2, finished_at = now() WHERE id = $1', [
    id,
    state,
  ]);
  return id;
};

const backupOf = async (): Promise<string> => {
  const jobId = await endedJob('deletion', 'succeeded');
  const { db } = api().database.owner;
  return (await makeExport({ db }, { jobId, workspaceId: 'one', purpose: 'backup' })).id;
};

beforeAll(async () => {
  await api().addUsers('one', 120, 'u');
  const { body } = await api().call('GET', '/openapi.json', { key: null });
  const paths = body.paths as Record<string, Record<string, Record<string, never>>>;
  for (const [path, item] of Object.entries(paths)) {
    for (const [method, { operationId, requestBody }] of Object.entries(item)) {
      if (requestBody === undefined) continue;
      const [media] = Object.values((requestBody as { content: Record<string, Example> }).content);
      operations.set(String(operationId), {
        operationId: String(operationId),
        path,
        method: method.toUpperCase() as Operation['method'],
        example: media?.['example'],
        schema: media?.['schema'],
      });
    }
  }
});

test('every request body has an example', () => {
  expect(operations.size).toBeGreaterThan(15);
  const without = [...operations.values()].filter(({ example }) => example === undefined);
  expect(without.map(({ operationId }) => operationId)).toEqual([]);
});

test('the examples for users, properties, segments and deletions are accepted', async () => {
  await send('createProperty');
  const merged = await send('mergeUsers');
  expect(merged.body.data).toMatchObject([{ outcome: 'created' }, { outcome: 'created' }]);
  await send('changeUser', { id: 'example-1' });
  const segment = await send('createSegment');
  await send('changeSegment', { id: segment.body.id, change: {} });

  const filter = { field: 'userId', op: 'in', value: ['example-1', 'example-2', 'u-00003'] };
  await api().call('PATCH', `/v1/segments/${segment.body.id}`, { body: { filter } });
  const { selection } = operations.get('previewDeletion')!.example as { selection: Example };
  const preview = await send('previewDeletion', {
    change: { selection: { ...selection, segmentId: segment.body.id } },
  });
  expect(preview.body.count).toBe(3);
  await send('startDeletion', {
    change: { previewId: preview.body.id, confirm: { count: preview.body.count } },
  });
});

test('the examples for files and jobs are accepted', async () => {
  const { example } = operations.get('startImport')!;
  const { options, file } = example as { options: Example; file: string };
  sent.add('startImport');
  const imported = await upload(api(), [optionsPart(options), filePart(file)]);
  expect(imported.status).toBe(202);
  await send('putImportMapping', { id: 'CRM' });
  const list = operations.get('createUserList')!.example as { options: Example; file: string };
  sent.add('createUserList');
  const listed = await uploadList(api(), list.file, { listOptions: list.options });
  expect(listed.status).toBe(201);
  await send('startExport');
  const exportJobId = await endedJob('export', 'succeeded');
  const { db } = api().database.owner;
  await makeExport({ db }, { jobId: exportJobId, workspaceId: 'one' });
  await send('createExportLink', { id: exportJobId });
  await send('retryJob', { id: await endedJob('export', 'failed') });
});

test('the examples for backups are accepted', async () => {
  const id = await backupOf();
  await send('createBackupLink', { id });
  await send('previewRestore', { id });
  await send('startRestore', { id });
  const { expiresAt } = operations.get('changeBackup')!.example as { expiresAt: string };
  const later = new Date(Date.now() + 90 * 86_400_000).toISOString();
  expect(Number.isNaN(Date.parse(expiresAt))).toBe(false);
  await send('changeBackup', { id, change: { expiresAt: later } });
  await send('purgeBackup', { id: await backupOf(), key: api().keys.platform });
});

test('the examples for deleting all users are accepted', async () => {
  const { platform } = api().keys;
  const ask = async () => String((await send('askToDeleteAll')).body.id);
  await send('denyDeleteAll', { id: await ask(), key: platform });
  const revoked = await ask();
  await send('approveDeleteAll', { id: revoked, key: platform });
  await send('revokeDeleteAll', { id: revoked, key: platform });
  const id = await ask();
  await send('approveDeleteAll', { id, key: platform });
  const preview = await api().call('POST', `/v1/delete-all-requests/${id}/preview`);
  const { count, phrase } = preview.body;
  const run = await send('runDeleteAll', {
    id,
    change: { previewId: preview.body.id, confirm: { count, phrase } },
  });
  expect(run.body).toMatchObject({ type: 'deletion', parent: id });
});

test('the examples for webhooks are accepted', async () => {
  const { body } = await send('createWebhook');
  await send('changeWebhook', { id: body.id });
  const rotated = await send('rotateWebhookSecret', { id: body.id });
  expect(rotated.body.secret).not.toBe(body.secret);
});

test('no example changes or deletes an existing user when it is sent unchanged', () => {
  const exampleOf = (id: string) => operations.get(id)!.example as Example;
  expect(exampleOf('startImport')['options']).toMatchObject({ dryRun: true });
  expect(exampleOf('startDeletion')).not.toHaveProperty('selection');
  expect(exampleOf('startDeletion')).toHaveProperty('confirm.count');
  const { confirm } = exampleOf('runDeleteAll') as { confirm: { count: number; phrase: string } };
  expect(confirm.phrase).toBe(`delete all ${confirm.count} users`);
  const users = operations.get('mergeUsers')!.example as { userId: string }[];
  expect(users.filter(({ userId }) => !userId.startsWith('example-'))).toEqual([]);
});

test('the example options in the schema of a form are the same as in the safe example', () => {
  for (const id of ['startImport', 'createUserList']) {
    const { example, schema } = operations.get(id)!;
    const { properties } = schema as { properties: { options: { examples: unknown[] } } };
    expect(properties.options.examples).toEqual([(example as Example)['options']]);
  }
});

test('the example for a session is accepted, with a real key', async () => {
  const { body } = await send('startSession', { change: { key: api().keys.one } });
  expect(body.me.workspace.id).toBe('one');
});

test('these tests send every example', () => {
  expect([...sent].toSorted()).toEqual([...operations.keys()].toSorted());
});
