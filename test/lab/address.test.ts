import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AddressState, readAddress, writeAddress } from '../../lab/src/address.ts';
import { runs } from '../properties/support/runs.ts';

const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,20}$/);
const value = fc.oneof(
  fc.nat(),
  fc.string({ unit: 'grapheme' }).filter((text) => !/^(?:0|[1-9]\d{0,14})$/.test(text)),
);

const states: fc.Arbitrary<AddressState> = fc.record({
  setup: fc.record({
    type: name,
    way: name,
    ring: fc.constantFrom('split', 'packed'),
    reading: fc.option(name),
    draft: fc.constant(null),
    lies: fc.uniqueArray(name, { maxLength: 4 }),
    mistakes: fc.uniqueArray(name, { maxLength: 4 }),
  }),
  moves: fc.array(
    fc.record({ name: name.filter((each) => each !== 'again'), values: fc.array(value, { maxLength: 3 }) }),
    { maxLength: 5 },
  ),
  tab: fc.option(name),
  draft: fc.stringMatching(/^[\w-]{0,40}$/),
  at: fc.option(fc.nat({ max: 999_999_999 })),
  find: fc.string({ unit: 'grapheme' }),
});

describe('the address of the page', () => {
  it('says all that was written into it', () => {
    const property = fc.property(states, (state) => {
      expect(readAddress(`#${writeAddress(state)}`)).toEqual({ ...state, problems: [] });
    });
    fc.assert(property, { numRuns: runs(300) });
  });

  it('may be any text: what it cannot be is said', () => {
    const part = fc.oneof(
      fc.string(),
      fc.constantFrom('type=', 'do=', '&', '=', '~', ',', '%', '%E0', 'at=', 'find=', 'up'),
    );
    const property = fc.property(fc.array(part), (parts) => {
      const { setup, moves, problems } = readAddress(parts.join(''));
      expect([setup.type, typeof setup.way, Array.isArray(moves)]).toEqual([
        expect.any(String),
        'string',
        true,
      ]);
      expect(problems.every((problem) => problem.length < 200)).toBe(true);
    });
    fc.assert(property, { numRuns: runs(300) });
  });

  it('does nothing again and again for long', () => {
    const { moves, problems } = readAddress('#do=up,again~99999');
    expect(moves.at(-1)).toEqual({ name: 'again', values: [1000] });
    expect(problems).toEqual(['99999 times; 1000 times are made']);
  });
});
