import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { JsonStream, JsonStreamError } from '../../../src/hosts/qtest-server/front/json-stream.ts';
import { runs } from '../../properties/support/runs.ts';

/** Everything that a stream holds now; 'wrong' for what is no value. */
function values(stream: JsonStream): unknown[] {
  const found: unknown[] = [];
  for (;;)
    try {
      const next = stream.next();
      if (next === undefined) return found;
      found.push(next);
    } catch (error) {
      expect(error).toBeInstanceOf(JsonStreamError);
      found.push('wrong');
    }
}

describe('a stream of JSON', () => {
  it('gives the objects that were put in, wherever it is cut', () => {
    const object = fc.dictionary(fc.string(), fc.jsonValue());
    fc.assert(
      fc.property(
        fc.array(fc.tuple(object, fc.constantFrom('', '\n', '\r\n', '  '))),
        fc.array(fc.nat(2000)),
        (objects, cuts) => {
          const text = objects.map(([each, white]) => JSON.stringify(each) + white).join('');
          const ends = [...cuts.map((cut) => cut % (text.length + 1)), text.length].sort((a, b) => a - b);
          const stream = new JsonStream();
          const found: unknown[] = [];
          let at = 0;
          for (const end of ends) {
            stream.add(text.slice(at, end));
            found.push(...values(stream));
            at = end;
          }
          expect(found).toEqual(objects.map(([each]) => JSON.parse(JSON.stringify(each))));
        },
      ),
      { numRuns: runs(300) },
    );
  });

  it.each([
    [`{'execute': 'quit'}`, [{ execute: 'quit' }]],
    [`{'a': "it's", 'b': 'say "hi"', 'c': 'don\\'t'}`, [{ a: "it's", b: 'say "hi"', c: "don't" }]],
    [`{"a": "}'{"}{"b": '}"{'}`, [{ a: "}'{" }, { b: '}"{' }]],
    ['{"a": [1, {"b": 2}]}{', [{ a: [1, { b: 2 }] }]],
    ['zz{"a": 1}\n{"b": 2}', ['wrong', { b: 2 }]],
    ['{"a": }{"b": 2}', ['wrong', { b: 2 }]],
    ['[1]\n1\n"x"\n\n{"b": 2}', ['wrong', 'wrong', 'wrong', { b: 2 }]],
    ['{]{"b": 2}', ['wrong', { b: 2 }]],
  ])('%j', (text, expected) => {
    const stream = new JsonStream();
    stream.add(text);
    expect(values(stream)).toEqual(expected);
  });
});
