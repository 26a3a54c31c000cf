import { expect, test } from 'vitest';
import { createApiKey, revokeApiKey } from '../../../db/api-keys.ts';
import { createLink } from '../../../db/exports/download-links.ts';
import { createDirectoryStorage } from '../../../storage/directory.ts';
import { createLinkToken } from '../../../files/link-token.ts';
import { LINK_SECRET, useFileApi } from './downloads-support.ts';

/** A link gives access to a file without a key, so a link must end with the key that made it. */

const api = useFileApi();

/** Sends a request without a key. */
const visit = (path: string, headers: Record<string, string> = {}) =>
  api().call('GET', path, { authorization: '', ...headers });

/** Makes a link with a key. */
const makeLink = async (jobId: string, key: string) => {
  const asMaker = { authorization: `Bearer ${key}` };
  const answer = await api().call('POST', `/v1/exports/${jobId}/links`, asMaker, {});
  const { id, url } = answer.json() as { id: string; url: string };
  return { id, path: new URL(url).pathname };
};

/** Adds another admin of `demo`, whose key can be revoked. */
const addAdmin = () =>
  createApiKey(api().database.owner.db, {
    role: 'admin',
    workspaceId: 'demo',
    ownerName: 'y',
    ownerEmail: 'y@keys.example',
  });

const linksOf = async (jobId: string) =>
  (await api().call('GET', `/v1/exports/${jobId}/links`)).json()['data'] as {
    id: string;
    revokedAt: string | null;
  }[];

test('a link ends with the key that made it: for the page, the file and the next range', async () => {
  const leaver = await addAdmin();
  const file = await api().addExport();
  const staying = await makeLink(file.jobId, api().keys.demo.key);
  const { id, path } = await makeLink(file.jobId, leaver.key);
  const range = { range: 'bytes=0-9' };
  expect((await visit(`${path}/file`, range)).status).toBe(206);
  expect(await revokeApiKey(api().database.owner.db, leaver.id)).toBe(true);

  const before = (await api().downloads()).length;
  const rest = await visit(`${path}/file`, { range: 'bytes=10-' });
  expect([(await visit(path)).status, rest.status]).toEqual([410, 410]);
  const revoked = await makeLink(file.jobId, api().keys.demo.key);
  await api().call('DELETE', `/v1/exports/${file.jobId}/links/${revoked.id}`);
  // The answer is the same as that of any other link that has ended.
  expect(rest.bytes).toEqual((await visit(`${revoked.path}/file`)).bytes);
  expect(await api().downloads()).toHaveLength(before);
  expect((await visit(`${staying.path}/file`)).status).toBe(200);
  expect(await linksOf(file.jobId)).toMatchObject([
    { id: revoked.id, revokedAt: expect.any(String) },
    { id, revokedAt: expect.any(String) },
    { id: staying.id, revokedAt: null },
  ]);
});

test('a link in a mail ends with the key that started the job', async () => {
  const leaver = await addAdmin();
  const { db } = api().database.owner;
  const file = await api().addExport();
  // The mail of a job makes its link in the same way.
  const link = await createLink(db, { exportId: file.id, createdBy: leaver.id, hours: 168 });
  const path = `/d/${createLinkToken(link!.id, LINK_SECRET)}`;
  expect((await visit(`${path}/file`)).status).toBe(200);
  await revokeApiKey(db, leaver.id);
  expect((await visit(`${path}/file`)).status).toBe(410);
  // A later revocation of the link does not change the time at which it ended.
  const [{ revokedAt } = { revokedAt: null }] = await linksOf(file.jobId);
  await api().call('DELETE', `/v1/exports/${file.jobId}/links/${link!.id}`);
  expect(await linksOf(file.jobId)).toMatchObject([{ revokedAt }]);
});

test('a running download continues to its end after its link has ended', async () => {
  const leaver = await addAdmin();
  const file = await api().addExport();
  const { path } = await makeLink(file.jobId, leaver.key);
  const open = createDirectoryStorage(api().storageDir);
  const { get } = api().storage;
  let revoked = false;
  api().storage.get = async (...asked) => {
    const stream = await open.get(...asked);
    if (!revoked) await revokeApiKey(api().database.owner.db, leaver.id);
    revoked = true;
    return stream;
  };
  try {
    const answer = await visit(`${path}/file`);
    expect([revoked, answer.status]).toEqual([true, 200]);
    expect(answer.bytes).toEqual(file.content);
  } finally {
    api().storage.get = get;
  }
  expect((await visit(`${path}/file`)).status).toBe(410);
});
