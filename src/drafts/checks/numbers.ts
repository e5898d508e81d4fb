import type { DraftSpace } from '../document/document.ts';
import { FormulaError, formula } from '../expression.ts';
import type { DraftModel } from '../model.ts';
import { type DraftChecks, hex, type Say } from './check.ts';

const largest = ({ width }: DraftSpace) => 2 ** (8 * width) - 1;

const each =
  (visit: (space: DraftSpace, path: string, say: Say) => void) => (model: DraftModel, say: Say) => {
    for (const [i, space] of (model.document.spaces ?? []).entries()) visit(space, `spaces[${i}]`, say);
  };

interface Part {
  readonly from: number;
  readonly to: number;
  readonly path: string;
  readonly text: string;
}

const rangeParts = ({ ranges = [] }: DraftSpace, path: string): Part[] =>
  ranges
    .map(({ from, to, means }, i) => ({
      from,
      to,
      path: `${path}.ranges[${i}]`,
      text: `${hex(from)} to ${hex(to)}, ${means}`,
    }))
    .filter(({ from, to }) => from <= to);

/** Where two ranges cross: one that holds the other divides it, and is none. One pass over sorted ranges. */
function sayCrossings(parts: readonly Part[], say: Say): void {
  const sorted = [...parts].sort((a, b) => a.from - b.from || b.to - a.to);
  const open: Part[] = [];
  for (const part of sorted) {
    while (open.length > 0 && open.at(-1)!.to < part.from) open.pop();
    const outer = open.at(-1);
    if (outer !== undefined && part.to > outer.to) {
      say(part.path, `${part.text}, crosses ${outer.text}`);
      // It reaches further: what comes is to be held against it.
      open[open.length - 1] = part;
    } else open.push(part);
  }
}

/** Numbers up to the largest that neither a range nor a value has. */
function gapsOf(space: DraftSpace, path: string): [from: number, to: number][] {
  const taken = [
    ...rangeParts(space, path),
    ...(space.values ?? []).map(({ value }) => ({ from: value, to: value })),
  ].sort((a, b) => a.from - b.from);
  const gaps: [number, number][] = [];
  let next = 0;
  for (const { from, to } of taken) {
    if (from > next) gaps.push([next, from - 1]);
    next = Math.max(next, to + 1);
  }
  if (next <= largest(space)) gaps.push([next, largest(space)]);
  return gaps;
}

/** Values that tell a formula that is short for some: ends of words, of bytes, and what lies beside them. */
function* samples(from: number, to: number): Generator<number> {
  const STEPS = 4096;
  for (let value = from; value <= Math.min(to, from + STEPS); value++) yield value;
  for (let bit = 1; bit <= 16; bit++)
    for (const value of [2 ** bit - 1, 2 ** bit, 2 ** bit + 1]) if (value >= from && value <= to) yield value;
  yield to;
}

function sayShort(model: DraftModel, say: Say, told: 'short' | 'unreadable'): void {
  for (const [i, { name, variable, from = 0, to = 0xffff, bytes, bits }] of (
    model.document.lengths ?? []
  ).entries()) {
    const path = `lengths[${i}]`;
    let read: readonly [(value: number) => number, (value: number) => number];
    try {
      read = [formula(bytes, variable), formula(bits, variable)];
    } catch (error) {
      if (!(error instanceof FormulaError)) throw error;
      if (told === 'unreadable') say(path, error.message);
      continue;
    }
    if (told === 'unreadable') continue;
    const [length, needed] = read;
    for (const value of samples(Math.min(from, to), Math.max(from, to)))
      if (!(length(value) * 8 >= needed(value))) {
        const [has, wants] = [length(value), needed(value)];
        say(
          `${path}.bytes`,
          `${name}: ${bytes} is ${has} bytes where ${variable} is ${value}, and ${wants} bits have to find room`,
        );
        break;
      }
  }
}

export const numberChecks: DraftChecks = {
  'value-twice': {
    level: 'error',
    clause: null,
    about: 'two names of a space have one number',
    run: each(({ name, values = [] }, path, say) => {
      const names = new Map<number, string>();
      for (const [i, value] of values.entries()) {
        const before = names.get(value.value);
        if (before !== undefined && before !== value.name)
          say(`${path}.values[${i}].value`, `${hex(value.value)} of ${name} is ${before}, and ${value.name}`);
        names.set(value.value, before ?? value.name);
      }
    }),
  },
  'value-differs': {
    level: 'error',
    clause: null,
    about: 'one name of a space has two numbers',
    run: each(({ values = [] }, path, say) => {
      const numbers = new Map<string, number>();
      for (const [i, { name, value }] of values.entries()) {
        const before = numbers.get(name);
        if (before !== undefined && before !== value)
          say(`${path}.values[${i}].value`, `${name} is ${hex(before)}, and ${hex(value)}`);
        numbers.set(name, before ?? value);
      }
    }),
  },
  'value-width': {
    level: 'error',
    clause: null,
    about: 'a number does not fit the field that has it',
    run: each((space, path, say) => {
      const most = largest(space);
      for (const [i, { name, value }] of (space.values ?? []).entries())
        if (value > most)
          say(
            `${path}.values[${i}].value`,
            `${name} is ${hex(value)}; ${space.width} bytes hold ${hex(most)}`,
          );
      for (const [i, { to }] of (space.ranges ?? []).entries())
        if (to > most)
          say(`${path}.ranges[${i}].to`, `a range up to ${hex(to)}; ${space.width} bytes hold ${hex(most)}`);
    }),
  },
  'range-empty': {
    level: 'error',
    clause: null,
    about: 'a range ends before it begins',
    run: each(({ ranges = [] }, path, say) => {
      for (const [i, { from, to }] of ranges.entries())
        if (from > to) say(`${path}.ranges[${i}]`, `${hex(from)} to ${hex(to)}`);
    }),
  },
  'range-overlap': {
    level: 'error',
    clause: null,
    about: 'two ranges have some numbers in common, and each some of its own',
    run: each((space, path, say) => sayCrossings(rangeParts(space, path), say)),
  },
  'range-gap': {
    level: 'warning',
    clause: null,
    about: 'numbers are in no range of their space, and have no name: may a later draft use them?',
    run: each((space, path, say) => {
      if ((space.ranges ?? []).length === 0) return;
      for (const [from, to] of gapsOf(space, path))
        say(
          path,
          `${from === to ? hex(from) : `${hex(from)} to ${hex(to)}`} of ${space.name} is neither named nor in a range`,
        );
    }),
  },
  'value-reserved': {
    level: 'error',
    clause: null,
    about: 'a name has a number out of a reserved range',
    run: each((space, path, say) => {
      const parts = (space.ranges ?? []).filter(({ reserved, from, to }) => reserved === true && from <= to);
      const sorted = parts.sort((a, b) => a.from - b.from);
      const values = (space.values ?? [])
        .map((each, i) => ({ ...each, i }))
        .sort((a, b) => a.value - b.value);
      let next = 0;
      let inside: (typeof parts)[number] | null = null;
      for (const { name, value, i } of values) {
        for (; next < sorted.length && sorted[next]!.from <= value; next++)
          if (inside === null || sorted[next]!.to > inside.to) inside = sorted[next]!;
        if (inside !== null && value <= inside.to)
          say(
            `${path}.values[${i}].value`,
            `${name} is ${hex(value)}, in ${hex(inside.from)} to ${hex(inside.to)}: ${inside.means}`,
          );
      }
    }),
  },
  'length-short': {
    level: 'error',
    clause: null,
    about: 'a length by a formula does not hold what it has to',
    run: (model, say) => sayShort(model, say, 'short'),
  },
  'length-unreadable': {
    level: 'error',
    clause: null,
    about: 'a formula cannot be read',
    run: (model, say) => sayShort(model, say, 'unreadable'),
  },
};
