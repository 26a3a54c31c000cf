import { gzipSync } from 'node:zlib';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  BOUNDARY,
  filePart,
  formOf,
  optionsPart,
  sendForm,
  upload,
} from '../../support/http/multipart.ts';
import { useApi } from '../support.ts';

const api = useApi();

const files = () => api().storage.list('imports');

const jobCount = async (): Promise<number> => {
  const { rows } = await api().database.owner.pool.query('SELECT count(*)::int AS n FROM jobs');
  return rows[0].n;
};

/** The files and jobs that exist; a refusal must not change them. */
const traces = async () => ({ files: await files(), jobs: await jobCount() });

const OTHER = { name: 'other', content: 'x' };

describe('an import is refused and stores nothing for', () => {
  test.each([
    ['no options', [filePart()], '/file'],
    ['a file before the options', [filePart(), optionsPart()], '/file'],
    ['no file', [optionsPart()], '/file'],
    ['options twice', [optionsPart(), optionsPart()], '/options'],
    ['two files', [optionsPart(), filePart(), filePart()], ''],
    ['an unknown part first', [OTHER, optionsPart(), filePart()], '/other'],
    ['an unknown part second', [optionsPart(), OTHER], '/other'],
    ['an unknown part last', [optionsPart(), filePart(), OTHER], ''],
    ['a part without a name', [{ name: null, content: 'x' }, filePart()], '/'],
    ['a part named like a method', [{ name: '__proto__', content: 'x' }, filePart()], '/__proto__'],
    ['no mode', [optionsPart({}), filePart()], '/options/mode'],
    ['another mode', [optionsPart({ mode: 'merge' }), filePart()], '/options/mode'],
    ['an unknown option', [optionsPart({ mode: 'update', mod: 1 }), filePart()], '/options/mod'],
    [
      'a text for a boolean',
      [optionsPart({ mode: 'update', dryRun: 'true' }), filePart()],
      '/options/dryRun',
    ],
    [
      'a reason of blanks',
      [optionsPart({ mode: 'update', reason: ' ' }), filePart()],
      '/options/reason',
    ],
    [
      'an option twice',
      [optionsPart('{"mode":"update","mode":"insert"}'), filePart()],
      '/options/mode',
    ],
    ['a list for options', [optionsPart('[]'), filePart()], '/options'],
    ['null for options', [optionsPart('null'), filePart()], '/options'],
  ])('a form with %s', async (_what, parts, pointer) => {
    const before = await traces();
    const answer = await upload(api(), parts);
    expect(answer.body).toMatchObject({
      type: '/problems/invalid-request',
      errors: [{ pointer, detail: expect.stringMatching(/\w/) }],
    });
    expect(answer.status).toBe(400);
    expect(await traces()).toEqual(before);
  });

  test.each([
    ['options that are no JSON', [optionsPart('{mode'), filePart()], 400, 'malformed-json'],
    ['empty options', [optionsPart(''), filePart()], 400, 'malformed-json'],
    [
      'options that are no UTF-8',
      [{ ...optionsPart(), content: Buffer.from([0xff]) }, filePart()],
      400,
      'malformed-json',
    ],
    [
      'options of 70 KB',
      [optionsPart({ mode: 'update', reason: 'x'.repeat(70_000) }), filePart()],
      413,
      'body-too-large',
    ],
    [
      'options of another type',
      [{ ...optionsPart(), type: 'text/csv' }, filePart()],
      415,
      'unsupported-media-type',
    ],
    [
      'a spreadsheet',
      [
        optionsPart(),
        {
          ...filePart(),
          type: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
        },
      ],
      415,
      'unsupported-media-type',
    ],
    [
      'JSON for a file',
      [optionsPart(), { ...filePart(), type: 'application/json' }],
      415,
      'unsupported-media-type',
    ],
    [
      'a file in base64',
      [optionsPart(), { ...filePart(), headers: ['Content-Transfer-Encoding: base64'] }],
      415,
      'unsupported-media-type',
    ],
    [
      'tags to add and none to be changed',
      [optionsPart({ mode: 'insert', mergeTags: true }), filePart()],
      422,
      'unprocessable',
    ],
    ['an empty form', [], 400, 'invalid-request'],
  ])('%s', async (_what, parts, status, slug) => {
    const before = await traces();
    const answer = await upload(api(), parts);
    expect([answer.status, answer.body.type]).toEqual([status, `/problems/${slug}`]);
    expect(await traces()).toEqual(before);
  });

  test.each([
    ['nothing', '', ['/file']],
    ['no userId', 'firstName\nAda\n', ['/file']],
    [
      'unknown columns',
      'userId,nick,city,properties.none\n',
      ['/file/columns/1', '/file/columns/3'],
    ],
    ['a column twice', 'userId,city,city\n', ['/file/columns/2']],
    ['a column without a name', 'userId,,city\n1,,\n', ['/file/columns/1']],
    ['a backup', 'workspaceId,userId,properties,writtenIn\n', ['/file']],
    ['a picture', Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), ['/file']],
    ['gzip that is cut off', gzipSync('userId\n1\n').subarray(0, 15), ['/file']],
  ])('a file with %s', async (_what, content, pointers) => {
    const before = await traces();
    const answer = await upload(api(), [optionsPart(), filePart(content)]);
    expect(answer.status).toBe(422);
    expect(answer.body).toMatchObject({
      type: '/problems/unprocessable',
      errors: pointers.map((pointer) => ({ pointer, detail: expect.stringMatching(/\w/) })),
    });
    expect(await traces()).toEqual(before);
  });

  test.each([
    ['JSON', { 'content-type': 'application/json' }, 415],
    ['CSV', { 'content-type': 'text/csv' }, 415],
    ['another form', { 'content-type': 'application/x-www-form-urlencoded' }, 415],
    ['another multipart', { 'content-type': `multipart/mixed; boundary=${BOUNDARY}` }, 415],
    ['no type at all', { 'content-type': '' }, 415],
    ['packed parts', { 'content-encoding': 'gzip' }, 415],
    ['a form without a boundary', { 'content-type': 'multipart/form-data' }, 400],
    ['a form with another boundary', { 'content-type': 'multipart/form-data; boundary=x' }, 400],
    ['a key that is none', { 'idempotency-key': 'with a space' }, 400],
  ])('a request with %s', async (_what, headers, status) => {
    const before = await traces();
    const answer = await sendForm(api(), formOf([optionsPart(), filePart()]), { headers });
    expect(answer.status).toBe(status);
    expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
    expect(await traces()).toEqual(before);
  });

  test('a form that is cut off before its end', async () => {
    const before = await traces();
    const whole = formOf([optionsPart(), filePart()]);
    // The last two bytes are a line end, which RFC 2046 does not require.
    for (let length = 1; length < whole.length - 2; length += 3) {
      const answer = await sendForm(api(), whole.subarray(0, length));
      expect({ length, status: answer.status }).toEqual({ length, status: 400 });
    }
    expect(await traces()).toEqual(before);
  });

  test.each(['platform', 'ops'] as const)('an upload by a key of role %s', async (role) => {
    const before = await traces();
    const answer = await upload(api(), undefined, { key: api().keys[role] });
    expect(answer.status).toBe(403);
    expect(await traces()).toEqual(before);
  });

  test('a request without any body', async () => {
    const before = await traces();
    expect((await api().call('POST', '/v1/imports')).status).toBe(415);
    expect(await traces()).toEqual(before);
  });
});

/** Text that has a meaning in a form, and text that is similar. */
const junk = fc.oneof(
  fc.constantFrom(
    '\r\n', '\r', '\n', '--', `--${BOUNDARY}`, `--${BOUNDARY}--`, `\r\n--${BOUNDARY}\r\n`,
    `\r\n--${BOUNDARY}--\r\n`, 'Content-Disposition: form-data; name="file"', 'name=', '"', ';',
    'Content-Type: text/csv', 'Content-Disposition: attachment', '\0', 'é', ': ', '\r\n\r\n', '{', ',',
    'filename*=UTF-8\'\'%ff', 'x'.repeat(20_000), 'A: b\r\n'.repeat(50),
  ),
  fc.uint8Array({ maxLength: 8 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
); // prettier-ignore

const damage = fc.record({ at: fc.nat(1_000), cut: fc.nat(40), put: junk });

test('a damaged form either starts one job with one file, or is refused and leaves no file', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(damage, { minLength: 1, maxLength: 4 }), async (damages) => {
      let body = formOf([optionsPart(), filePart()]);
      for (const { at, cut, put } of damages) {
        const start = at % (body.length + 1);
        const rest = body.subarray(start + cut);
        body = Buffer.concat([body.subarray(0, start), Buffer.from(put, 'latin1'), rest]);
      }
      const before = await traces();
      const answer = await sendForm(api(), body);
      const after = await traces();
      const isTaken = answer.status === 202;
      expect(isTaken || (answer.status >= 400 && answer.status < 500)).toBe(true);
      const added = isTaken ? 1 : 0;
      expect([after.files.length, after.jobs]).toEqual([
        before.files.length + added,
        before.jobs + added,
      ]);
    }),
    { numRuns: 1_000 },
  );
});
