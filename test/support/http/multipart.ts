import { type Document, expectDocumented } from '../../api/service/documented.ts';
import type { Answer, TestApi } from '../../api/support.ts';

export const BOUNDARY = 'the-boundary';

export interface FormPart {
  /** Null for a part without a name. */
  name: string | null;
  content: string | Buffer;
  type?: string;
  headers?: string[];
}

/** The header of a part. */
export const partHead = ({ name, type, headers = [] }: Omit<FormPart, 'content'>): string =>
  [
    `--${BOUNDARY}`,
    `Content-Disposition: form-data${name === null ? '' : `; name="${name}"`}`,
    ...(type === undefined ? [] : [`Content-Type: ${type}`]),
    ...headers,
    '\r\n',
  ].join('\r\n');

export const formOf = (parts: readonly FormPart[]): Buffer =>
  Buffer.concat([
    ...parts.flatMap((part) => [
      Buffer.from(partHead(part)),
      Buffer.from(part.content),
      Buffer.from('\r\n'),
    ]),
    Buffer.from(`--${BOUNDARY}--\r\n`),
  ]);

export const optionsPart = (options: unknown = { mode: 'update' }): FormPart => ({
  name: 'options',
  type: 'application/json',
  content: typeof options === 'string' ? options : JSON.stringify(options),
});

export const filePart = (content: string | Buffer = 'userId,firstName\n1,Ada\n'): FormPart => ({
  name: 'file',
  type: 'text/csv',
  content,
  headers: ['Content-Transfer-Encoding: binary'],
});

export interface SendFormOptions {
  key?: string;
  headers?: Record<string, string>;
  /** The target; default `/v1/imports`. */
  url?: string;
}

/** Sends the bytes of a form. */
export const sendForm = async (
  api: TestApi,
  payload: Buffer,
  { key = api.keys.one, headers = {}, url = '/v1/imports' }: SendFormOptions = {},
): Promise<Answer> => {
  const response = await api.app.inject({
    method: 'POST',
    url,
    headers: {
      authorization: `Bearer ${key}`,
      'content-type': `multipart/form-data; boundary=${BOUNDARY}`,
      ...headers,
    },
    payload,
  });
  const asked = { method: 'POST', url };
  expectDocumented(api.app.swagger() as unknown as Document, asked, response);
  return {
    status: response.statusCode,
    headers: response.headers,
    body: JSON.parse(response.body),
    text: response.body,
  };
};

export const upload = (
  api: TestApi,
  parts: readonly FormPart[] = [optionsPart(), filePart()],
  options: SendFormOptions = {},
): Promise<Answer> => sendForm(api, formOf(parts), options);

/** Uploads a list of users. */
export const uploadList = (
  api: TestApi,
  file: string | Buffer,
  { listOptions = {}, ...options }: SendFormOptions & { listOptions?: object } = {},
): Promise<Answer> =>
  upload(api, [optionsPart(listOptions), filePart(file)], { url: '/v1/user-lists', ...options });
