import { readFileSync } from 'node:fs';
import { describe, expect, it, test } from 'vitest';
import { type Finding, formatFinding } from '../../src/core/index.ts';
import { administereds } from './scenarios/administered.ts';
import { administrations } from './scenarios/administration.ts';
import { balloons } from './scenarios/balloons.ts';
import { clocks } from './scenarios/clocks.ts';
import { completions } from './scenarios/completions.ts';
import { conducts } from './scenarios/conduct.ts';
import { held } from './scenarios/held.ts';
import { mediations } from './scenarios/mediation.ts';
import { rings } from './scenarios/rings.ts';
import type { Scenario } from './scenarios/scenario.ts';
import { shims } from './scenarios/shim.ts';
import { sockets } from './scenarios/sockets.ts';
import { storages } from './scenarios/storage.ts';
import { streams } from './scenarios/streams.ts';
import { transports } from './scenarios/transports.ts';
import { virtualFunctions } from './scenarios/virtual.ts';
import { wordings } from './sites.ts';

const scenarios: readonly Scenario[] = [
  ...rings,
  ...transports,
  ...conducts,
  ...completions,
  ...held,
  ...storages,
  ...streams,
  ...balloons,
  ...clocks,
  ...shims,
  ...administereds,
  ...sockets,
  ...administrations,
  ...virtualFunctions,
  ...mediations,
];

/** What each scenario says: its name, and indented below it its findings in a line each. */
const golden = new Map(
  readFileSync(new URL('findings.txt', import.meta.url), 'utf8')
    .trim()
    .split(/\n(?! )/)
    .map((part) => {
      const [name, ...lines] = part.split('\n');
      return [name!, lines.map((line) => line.trim())] as const;
    }),
);

const said = (run: Scenario['run']) =>
  run().flatMap((event) => (event.kind === 'finding' ? [formatFinding(event as Finding)] : []));

describe('what a finding says, word for word', () => {
  it('is written down for each scenario', () => {
    expect([...golden.keys()].sort()).toEqual(scenarios.map(({ name }) => name).sort());
  });

  test.each(scenarios)('$name', ({ name, run }) => {
    expect(said(run)).toEqual(golden.get(name));
  });
});

/** What no frame of a driver can be: it is refused before for another reason, and the back end's own tests show it. */
const elsewhere = /^a frame of \S+ bytes$/;

describe('every wording in the code', () => {
  const messages = [...golden.values()]
    .flat()
    .map((line) => /(?:driver|device): (.*?)(?: \([^()]*\))?$/.exec(line)![1]!);

  test.each(wordings().filter(({ text }) => !elsewhere.test(text)))('$place: $text', ({ pattern }) => {
    expect(messages.some((each) => pattern.test(each))).toBe(true);
  });
});
