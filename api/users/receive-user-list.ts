import type { Readable } from 'node:stream';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Db } from '../../db/client.ts';
import {
  addEntries,
  beginUserList,
  completeUserList,
  eraseUserList,
  findUserListByKey,
  type ListFacts,
  MAX_USER_LISTS,
  type NewUserList,
  type UserListRow,
} from '../../db/users/user-lists.ts';
import { ImportFileError } from '../../imports/file-error.ts';
import { entriesOf, type ListEntry, type ListPiece } from '../../imports/user-list.ts';
import { MATCH_BY } from '../../selection/selection.ts';
import { readIdempotency, requireSame } from '../http/idempotency.ts';
import { problem } from '../http/problems.ts';
import { receiveForm } from '../imports/receive-form.ts';

/** Number of entries in one statement. */
const BATCH_ENTRIES = 10_000;

/** The options of a file in a request. */
export const userListOptionsSchema = z.strictObject({
  matchBy: z
    .enum(MATCH_BY)
    .optional()
    .describe(
      'The column with the entries; by default `userId`, or `email` in a file without `userId`',
    ),
  spreadsheetSafe: z
    .boolean()
    .optional()
    .describe(
      "Whether the file is guarded against formulas, so that each `'` before a formula is removed; by default, by " +
        'its byte-order mark, as for imports',
    ),
});

type UserListOptions = z.infer<typeof userListOptionsSchema>;

const OPTIONS_EXAMPLE = { matchBy: 'email' };

/** The description of the request body. The body is parsed as a stream, not by Fastify. */
export const USER_LIST_BODY = {
  required: true,
  content: {
    'multipart/form-data': {
      schema: {
        type: 'object',
        required: ['options', 'file'],
        additionalProperties: false,
        description: 'Send exactly these two parts, in this order',
        properties: {
          // Swagger UI fills its form with this example, and otherwise with values of its own.
          options: {
            ...z.toJSONSchema(userListOptionsSchema, { io: 'input' }),
            examples: [OPTIONS_EXAMPLE],
          },
          file: {
            type: 'string',
            format: 'binary',
            description:
              'CSV in UTF-8, optionally compressed with gzip; the first line names a column `userId` or `email`',
          },
        },
      },
      example: { options: OPTIONS_EXAMPLE, file: 'email\nada@example.com\nbob@example.com\n' },
      encoding: {
        options: { contentType: 'application/json' },
        file: { contentType: 'text/csv' },
      },
    },
  },
};

type Owner = Omit<NewUserList, 'matchBy'>;

/**
 * Reads the file of a list as it comes, and keeps what it names. Of the file nothing is kept.
 *
 * @returns the id of the list; with the same idempotency key that of the one before
 * @throws ProblemError when the file is none, or too many lists are there; nothing is kept then
 */
export const receiveUserList = async (
  request: FastifyRequest,
  db: Db,
  owner: Owner,
  stop: AbortController,
): Promise<string> => {
  try {
    const other = await receive(request, db, owner, stop);
    if (other === undefined) return owner.id;
    await discard(db, request, owner.id);
    return other.id;
  } catch (error) {
    await discard(db, request, owner.id);
    throw toProblem(error);
  }
};

const receive = async (
  request: FastifyRequest,
  db: Db,
  owner: Owner,
  stop: AbortController,
): Promise<UserListRow | undefined> => {
  const { workspaceId } = owner;
  const findByKey = async (key: string | undefined) =>
    key === undefined ? undefined : findUserListByKey(db, workspaceId, key);
  // Checked before the body, so that an invalid key is reported without waiting for the upload.
  const earlier = await findByKey(readIdempotency(request, null)?.key);
  const writer = createWriter(db, owner, earlier === undefined);
  const store = async (content: Readable, options: UserListOptions) => {
    for await (const piece of entriesOf(content, options)) await writer.add(piece);
    await writer.flush();
  };
  const form = { options: userListOptionsSchema, store };
  const { options, file } = await receiveForm(request.raw, form, stop);
  const idempotency = readIdempotency(request, { options, sha256: file.sha256 });
  if (earlier === undefined) {
    if (await completeUserList(db, owner, writer.facts, idempotency)) return undefined;
  }
  // The same key, perhaps sent twice at once: the list of the other request exists now.
  const other = earlier ?? (await findByKey(idempotency?.key));
  if (other === undefined || idempotency === undefined)
    throw new Error('a list of users no longer exists');
  return requireSame(other, idempotency, ({ id }) => `list ${id} by another request`);
};

/** Writes entries in batches as they arrive. Without `isKept`, the entries are only read. */
const createWriter = (db: Db, owner: Owner, isKept: boolean) => {
  const facts: ListFacts = { entries: 0, repeated: 0, empty: 0 };
  let list: NewUserList | undefined;
  let batch: ListEntry[] = [];
  const flush = async (): Promise<void> => {
    const entries = batch;
    batch = [];
    if (list === undefined || entries.length === 0) return;
    const added = await addEntries(db, list, entries);
    facts.entries += added;
    facts.repeated += entries.length - added;
  };
  const add = async ({ matchBy, entries, empty }: ListPiece): Promise<void> => {
    facts.empty += empty;
    if (!isKept) return;
    if (list === undefined) {
      list = { ...owner, matchBy };
      if (!(await beginUserList(db, list))) throw tooMany();
    }
    batch.push(...entries);
    if (batch.length >= BATCH_ENTRIES) await flush();
  };
  return { facts, add, flush };
};

const tooMany = () =>
  problem(
    'limit-reached',
    `The workspace has ${MAX_USER_LISTS} lists of users, which is the maximum. ` +
      'Remove a list: DELETE /v1/user-lists/{id}.',
  );

/** Erases the rest of a failed upload; the sweep erases it, too. */
const discard = async (db: Db, request: FastifyRequest, id: string): Promise<void> => {
  try {
    await eraseUserList(db, id);
  } catch (error) {
    request.log.warn(
      { err: error, listId: id },
      'a list of users was not removed: the sweep will remove it',
    );
  }
};

const toProblem = (error: unknown): unknown => {
  if (!(error instanceof ImportFileError)) return error;
  const { message } = error;
  return problem('unprocessable', `/file: ${message}`, {
    errors: [{ detail: message, pointer: '/file' }],
  });
};
