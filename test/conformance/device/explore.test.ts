import { describe, expect, it } from 'vitest';
import { type Check, conform } from '../../../src/conformance/device/index.ts';
import {
  explorations,
  type Sequence,
  SequenceError,
  sequenceOf,
} from '../../../src/conformance/explore/index.ts';
import { type DeviceMutant, deviceMutants } from '../../../src/testing/mutants/index.ts';
import { ourSource } from '../../../src/testing/subjects.ts';
import { runs } from '../../properties/support/runs.ts';

const mutantOf = (name: string) => deviceMutants.find((each) => each.name === name)!;

async function findingsOf(checks: readonly Check[], kind: string, mutant?: DeviceMutant) {
  const found = [];
  for await (const { check, setting, outcome, clause, seen } of conform(ourSource('entropy', kind, mutant), {
    checks,
    witness: false,
  }))
    if (outcome !== 'PASS') found.push({ check, setting, clause, seen });
  return found;
}

const explored = (kind: string, mutant?: DeviceMutant, only?: Sequence) =>
  findingsOf(
    explorations({ seed: 4, runs: runs(25), ...(only === undefined ? {} : { only }) }),
    kind,
    mutant,
  );

describe('an exploration', () => {
  it.each(['legacy', 'modern', 'transitional', 'mmr', 'via-mmr'])(
    'finds nothing at an honest %s function',
    async (kind) => {
      expect(await explored(kind)).toEqual([]);
    },
  );

  it('shrinks what it finds to the moves that it takes, and makes them again', async () => {
    const [found] = await explored('modern', mutantOf('driver-bit-lost'));
    expect(found).toMatchObject({ check: 'explore-registers', clause: 'PCI-COM-07' });
    const step = 'write deviceStatus, the next step';
    expect(found!.seen).toBe(`0x1 after ${step}; ${step} (--replay explore-registers:status.0.0,status.0.0)`);
    const only = sequenceOf('explore-registers:status.0.0,status.0.0');
    expect((await explored('modern', mutantOf('driver-bit-lost'), only))[0]).toEqual(found);
    expect(await explored('modern', undefined, only)).toEqual([]);
  });

  it.each([
    [
      'enabled-after-queue-reset',
      'PCI-COM-13',
      /; write queueReset 1 of queue 0 \(--replay explore-life:negotiate\./,
    ],
    ['enabled-after-reset', 'PCI-COM-08', /write deviceStatus 0x00/],
  ])('of the life of a device finds %s', async (mutant, clause, seen) => {
    const found = (await explored('modern', mutantOf(mutant))).find(({ check }) => check === 'explore-life');
    expect(found?.clause).toBe(clause);
    expect(found?.seen).toMatch(seen);
  });

  it('does the same with the same seed', async () => {
    const all = await explored('modern', mutantOf('index-before-element'));
    expect(all.length).toBeGreaterThan(0);
    expect(await explored('modern', mutantOf('index-before-element'))).toEqual(all);
  });

  it.each([
    ['', "'' begins with no exploration; those are explore-registers, explore-life, explore-requests"],
    ['explore-registers', "'' is no move of explore-registers; wants NAME.A.B"],
    ['explore-registers:status.0', "'status.0' is no move"],
    ['explore-registers:work.0.0', 'names status, reset,'],
    ['explore-requests:work.0.70000', "'work.0.70000' is no move"],
    ['explore-requests:work.0.1:x', 'begins with no exploration'],
  ])('is not named by %j', (text, message) => {
    expect(() => sequenceOf(text)).toThrow(SequenceError);
    expect(() => sequenceOf(text)).toThrow(message);
  });
});
