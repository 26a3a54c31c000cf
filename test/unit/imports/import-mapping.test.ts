import { expect, test } from 'vitest';
import { readHeader } from '../../../imports/header.ts';
import type { ReadOptions } from '../../../imports/read-chunks.ts';
import { fileOf, linesOf, ONE_OF_EACH } from '../../support/steps/import-file.ts';

type Wanted = Pick<ReadOptions, 'columns' | 'matchBy'>;

const headerOf = (content: string, options: Wanted) =>
  readHeader(fileOf(content), { types: ONE_OF_EACH, ...options });

const errorsOf = async (content: string, options: Wanted) => {
  const header = await headerOf(content, options);
  return 'errors' in header ? header.errors : [];
};

test('mapped columns are read as mapped, others by their own names, and columns mapped to null are ignored', async () => {
  const { rows, failed } = await linesOf(
    'Customer No;E-mail Address;Plan;Notes;city;#\n7;a@x.example;gold;long text;Pune;1\n',
    {
      columns: {
        'Customer No': 'userId',
        'E-mail Address': 'email',
        Plan: 'properties.string',
        Notes: null,
        '#': null,
      },
    },
  );
  expect(failed).toEqual([]);
  expect(rows).toMatchObject([
    {
      userId: '7',
      columns: { email: 'a@x.example', city: 'Pune' },
      properties: { string: 'gold' },
    },
  ]);
  expect(Object.keys(rows[0]!.columns)).toEqual(['email', 'city']);
});

test('a column may be mapped to the name of another column that is mapped too', async () => {
  const { rows } = await linesOf('email,userId\n1,a@x.example\n', {
    columns: { email: 'userId', userId: 'email' },
  });
  expect(rows).toMatchObject([{ userId: '1', columns: { email: 'a@x.example' } }]);
});

test('a failed line names the column as in the file', async () => {
  const { failed } = await linesOf('Id,Mail\n1,none\n,a@x.example\n', {
    columns: { Id: 'userId', Mail: 'email' },
  });
  expect(failed.map(({ message }) => message)).toEqual([
    expect.stringMatching(/^Mail must be/),
    'Id must not be empty',
  ]);
});

test('each error of a mapping is reported with a pointer', async () => {
  const errors = await errorsOf('userId,Mail,E-Mail,city,Plan,extra\n', {
    columns: {
      Mail: 'email',
      'E-Mail': 'email',
      Plan: 'properties.strin',
      'Phone/No': 'phone',
      Extras: null,
      city: 'createdAt',
    },
  });
  expect(errors.map(({ pointer }) => pointer)).toEqual([
    '/options/columns/E-Mail',
    '/options/columns/city',
    '/options/columns/Plan',
    '/file/columns/5',
    '/options/columns/Phone~1No',
    '/options/columns/Extras',
  ]);
  expect(errors.map(({ detail }) => detail)).toEqual([
    '`E-Mail` maps to `email`, and so does `Mail`; map only one column',
    '`city` maps to `createdAt`, which a file cannot set; map it to null',
    '`Plan` maps to `properties.strin`: did you mean `properties.string`?',
    expect.stringContaining('`extra` is not a known property'),
    '`Phone/No` is not a column of the file',
    '`Extras` is not a column of the file: did you mean `extra`?',
  ]);
});

test('two columns for one field are an error, also if one of them has the name of the field', async () => {
  const errors = await errorsOf('userId,email,Mail\n', { columns: { Mail: 'email' } });
  expect(errors).toEqual([
    {
      pointer: '/options/columns/Mail',
      detail: '`Mail` maps to `email`, and so does `email`; map only one column',
    },
  ]);
});

test('the column that finds the user must be mapped or have its own name', async () => {
  expect(await errorsOf('Id,city\n', { columns: { Id: null } })).toMatchObject([
    { pointer: '/file', detail: expect.stringContaining('has no column userId') },
  ]);
  const byMail = { columns: { Mail: 'email' }, matchBy: 'email' } as const;
  expect(await errorsOf('Mail,city\n', byMail)).toEqual([]);
});

test('names of object methods are treated like any other unknown column', async () => {
  const errors = await errorsOf('userId,constructor,toString\n', { columns: {} });
  expect(errors.map(({ pointer }) => pointer)).toEqual(['/file/columns/1', '/file/columns/2']);
});

test('a repeated header of a mapped file is recognised, and a user may have the name of a field', async () => {
  const options = { columns: { Name: 'userId', City: 'city' } };
  const { rows } = await linesOf('Name,City\nAnn,Pune\nName,City\nemail,\nname,\n', options);
  expect(rows.map(({ userId }) => userId)).toEqual(['Ann', 'email', 'name']);
  await expect(linesOf('Name,City\nName,Town\n', options)).rejects.toMatchObject({
    type: 'invalidHeader',
    line: 2,
  });
});

test.each([
  ['semicolons', 'Name, first, own;Key\nAda;1\n'],
  ['commas and quotes', '"Name; of; the; user","Key"\n"Ada","1"\n'],
  ['tabs', 'Name, first;Key, own\tKey\nAda\t1\n'],
])('mapped names may contain other separators, in a file with %s', async (_what, content) => {
  const [header = ''] = content.split('\n');
  const name = header.replaceAll('"', '').replace(/.Key$/, '');
  const { rows, failed } = await linesOf(content, {
    columns: { [name]: 'firstName', Key: 'userId' },
  });
  expect(failed).toEqual([]);
  expect(rows).toMatchObject([{ userId: '1', columns: { first_name: 'Ada' } }]);
});
