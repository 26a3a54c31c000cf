import { expect, test } from 'vitest';
import { linesOf } from '../../support/steps/import-file.ts';

test.each(['failLine', 'skipCell'] as const)(
  'a missing userId is reported beside all other errors of a line, with badCells %s',
  async (badCells) => {
    for (const [header, line] of [
      ['userId,phone,email', ',bad,bad'],
      ['phone,email,userId', 'bad,bad,'],
    ] as const) {
      const { failed } = await linesOf(`${header}\n${line}\n`, { badCells });
      expect(failed).toMatchObject([{ code: 'propertyRequired' }]);
      const told = failed.flatMap(({ problems }) =>
        problems.map(({ column, rule }) => [column, rule]),
      );
      expect(new Set(told)).toEqual(
        new Set([
          ['email', 'mailAddress'],
          ['phone', 'phone'],
          ['userId', 'required'],
        ]),
      );
      expect(failed[0]?.message).toContain('userId must not be empty');
      expect(failed[0]?.message).toContain('email must be');
    }
  },
);

test('an id without a visible character is not a valid id', async () => {
  const unseen = ['  ', '\u00A0', '\u200B', '\u2060\uFEFF', '\u3164'];
  const { rows, failed } = await linesOf(`userId,phone\n${unseen.join(',1\n')},1\n a ,\n👩‍🚀,\n`, {
    badCells: 'skipCell',
  });
  expect(rows.map(({ userId }) => userId)).toEqual([' a ', '👩‍🚀']);
  expect(failed).toHaveLength(unseen.length);
  for (const { code, message, problems } of failed) {
    expect(code).toBe('invalidDataType');
    expect(message).toContain('userId must have a visible character; phone must');
    expect(problems).toContainEqual({ column: 'userId', rule: 'invisibleCharacter' });
  }
});
