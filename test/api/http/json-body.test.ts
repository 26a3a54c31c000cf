import { assert, json, pre, property, string } from 'fast-check';
import { expect, test } from 'vitest';
import { MAX_DEPTH, parseJsonBody } from '../../../api/http/json-body.ts';
import { isProblem } from '../../../api/http/problems.ts';

const parse = (text: string): unknown => parseJsonBody(Buffer.from(text));

const pointerOfFailure = (text: string): string => {
  try {
    parse(text);
  } catch (error) {
    if (isProblem(error)) return error.errors[0]?.pointer ?? error.slug;
    throw error;
  }
  throw new Error('nothing was refused');
};

/** Every UTF-16 unit of a text as an escape. */
const escapeAll = (text: string): string =>
  Array.from({ length: text.length }, (_, index) => {
    const unit = text.charCodeAt(index).toString(16).padStart(4, '0');
    return `\\u${unit}`;
  }).join('');

const holdsLongNumber = (value: unknown): boolean => {
  if (typeof value === 'number') return Number(value.toPrecision(15)) !== value;
  return typeof value === 'object' && value !== null && Object.values(value).some(holdsLongNumber);
};

test('the parser reads the same values as JSON.parse', () => {
  assert(
    property(json({ maxDepth: 8 }), (text) => {
      pre(!text.includes('__proto__') && !/\\u0000|\\ud[89a-f]/i.test(text));
      pre(!holdsLongNumber(JSON.parse(text)));
      expect(parse(text)).toEqual(JSON.parse(text));
    }),
    { numRuns: 2_000 },
  );
});

test.each([
  ['1e-400', Infinity],
  ['-1e-400', Infinity],
  ['1e400', Infinity],
  ['4e-324', Infinity],
  ['0.1000000000000000055', Infinity],
  ['1.0000000000000000001', Infinity],
  ['9007199254740993', Infinity],
  [`0.${'0'.repeat(400)}1`, Infinity],
  ['5e-324', 5e-324],
  ['1e300', 1e300],
  ['-0.0e9', -0],
  ['0e-999', 0],
  ['1.50000000000000000000', 1.5],
  ['1E+2', 100],
])('%s is read at any position as %d: the exact number, or Infinity', (text, value) => {
  for (const [body, wanted] of [
    [text, value],
    [`[1,${text},"${text}"]`, [1, value, text]],
    [` {"a":{"b":[${text},${text} ,true]},"c":2} `, { a: { b: [value, value, true] }, c: 2 }],
  ] as const) {
    expect(parse(body)).toEqual(wanted);
  }
});

test('the parser reads 100,000 numbers, and numbers of a million digits, within the time limit of the test', () => {
  const texts = Array.from({ length: 100_000 }, (_, n) => (n % 2 === 0 ? `${n}.5` : '1e-400'));
  const read = parse(`[${texts.join()}, 0.${'0'.repeat(1_000_000)}, ${'9'.repeat(1_000_000)}]`);
  expect((read as number[]).filter((value) => value === Infinity)).toHaveLength(50_002);
});

test('the parser refuses a repeated name, with any escapes and at any depth', () => {
  assert(
    property(string({ unit: 'grapheme' }), json({ maxDepth: 3 }), (name, value) => {
      pre(
        name !== '__proto__' &&
          !name.includes('\0') &&
          !/\\u0000|\\ud[89a-f]|__proto__/i.test(value),
      );
      const plain = JSON.stringify(name);
      const escaped = `"${escapeAll(name)}"`;
      expect(() => parse(`[{"a": {${plain}: ${value} , ${escaped} : 1}}]`)).toThrow('repeated');
    }),
  );
  expect(pointerOfFailure('{"a":[1,{"b":1,"b":2}]}')).toBe('/a/1/b');
  expect(pointerOfFailure('{"a/b":{"c~d":1,"c~d":2}}')).toBe('/a~1b/c~0d');
});

test('the parser accepts the same name in different objects and as a value', () => {
  for (const text of [
    '{"a":{"a":"a"},"b":["a","a",{"a":1},{"a":1}]}',
    '["a","a"]',
    '{"a":"\\"a\\":"}',
  ]) {
    expect(parse(text)).toEqual(JSON.parse(text));
  }
});

test('the parser refuses text that cannot be stored, with a pointer to this text', () => {
  expect(pointerOfFailure('{"a":["x","\\u0000"]}')).toBe('/a/1');
  expect(pointerOfFailure('{"a":{"b":"\\ud800"}}')).toBe('/a/b');
  expect(pointerOfFailure('{"a":{"\\udc00":1}}')).toBe('/a');
  expect(pointerOfFailure('{"a":{"__proto__":{"x":1}}}')).toBe('/a/__proto__');
  expect(pointerOfFailure('{"a":{"\\u005f_proto__":1}}')).toBe('/a/__proto__');
});

test('the parser refuses text that is not valid JSON, is not UTF-8, or is nested too deep', () => {
  for (const text of ['{', '{"a":1,}', 'nil', '"\n"', '{"a":01}', '[1 2]']) {
    expect(pointerOfFailure(text)).toBe('malformed-json');
  }
  expect(() => parseJsonBody(Buffer.from([0x22, 0xff, 0x22]))).toThrow('UTF-8');
  expect(() => parse('['.repeat(MAX_DEPTH) + ']'.repeat(MAX_DEPTH))).not.toThrow();
  expect(() => parse('['.repeat(MAX_DEPTH + 1) + ']'.repeat(MAX_DEPTH + 1))).toThrow('deeper');
  expect(() => parse('['.repeat(200_000) + ']'.repeat(200_000))).toThrow('deeper');
});
