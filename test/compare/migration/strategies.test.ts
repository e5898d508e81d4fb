import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  DeviceSpecError,
  functionOptionNames,
  movableOf,
  movableTypes,
  NoFunctionSavedError,
  newestRelease,
  optionNamesOf,
  outside,
  type Party,
  partyOfState,
  profileOfManifest,
  refusal,
  releaseOf,
  releases,
  type StrategyName,
  savedFunctions,
  stateOfRelease,
  strategies,
} from '../../../src/compare/migration/index.ts';
import { type State, stateFromText, stateToText } from '../../../src/core/index.ts';
import {
  defaultTransportFeatures,
  EntropyDevice,
  feature,
  virtioFunction,
} from '../../../src/virtio/index.ts';
import { freshMachine } from '../../golden/states/machine.ts';

const kept = (name: string) =>
  stateFromText(readFileSync(new URL(`../../golden/states/${name}.json`, import.meta.url), 'utf8'));

const said = (name: StrategyName, source: string, target: string) =>
  strategies[name].judge(movableOf(source).party, movableOf(target).party)!;
const yes = (name: StrategyName, source: string, target: string) => said(name, source, target).compatible;

describe('what each strategy goes by', () => {
  it.each<[string, string, Record<StrategyName, boolean>]>([
    ['block', 'block', { attributes: true, versions: true, parts: true, opaque: true, records: true }],
    [
      'block',
      'block:modern',
      { attributes: false, versions: false, parts: true, opaque: true, records: false },
    ],
    [
      'block',
      'block,packed',
      { attributes: false, versions: true, parts: true, opaque: true, records: false },
    ],
    [
      'block,packed',
      'block',
      { attributes: false, versions: true, parts: false, opaque: true, records: false },
    ],
    [
      'block',
      'block,serial=a',
      { attributes: true, versions: true, parts: true, opaque: true, records: false },
    ],
    [
      'block',
      'block,sectors=9',
      { attributes: true, versions: true, parts: true, opaque: true, records: false },
    ],
    ['block', 'network', { attributes: false, versions: false, parts: false, opaque: true, records: false }],
    [
      'block,release=1.0.0',
      'block',
      { attributes: true, versions: true, parts: true, opaque: true, records: true },
    ],
    [
      'block',
      'block,release=1.0.0',
      { attributes: false, versions: false, parts: true, opaque: true, records: false },
    ],
    [
      'network,queue-pairs=2',
      'network',
      { attributes: false, versions: false, parts: false, opaque: true, records: false },
    ],
    [
      'network,queue-size=8',
      'network,queue-size=16',
      { attributes: true, versions: true, parts: true, opaque: true, records: false },
    ],
    [
      'network,queue-size=16',
      'network,queue-size=8',
      { attributes: true, versions: true, parts: false, opaque: true, records: false },
    ],
  ])('%s to %s', (source, target, expected) => {
    for (const [name, answer] of Object.entries(expected) as [StrategyName, boolean][])
      expect([name, yes(name, source, target)]).toEqual([name, answer]);
  });

  it('says what differs, with both values', () => {
    expect(said('records', 'block', 'block,sectors=128').reasons).toEqual([
      { what: 'parts.device.behaviour.capacity', source: '64', target: '128' },
    ]);
    expect(said('versions', 'block', 'block,release=1.0.0').reasons).toEqual([
      { what: 'software_version', source: '1.1.0', target: '1.0.0 to 1.0.x' },
    ]);
    expect(said('attributes', 'block', 'block,endian=big').reasons).toEqual([
      { what: 'virtio_endian', source: 'little', target: 'big' },
    ]);
    expect(said('parts', 'block,suspend', 'block').reasons).toEqual([
      { what: 'features, word 1', source: '901', target: '101' },
    ]);
  });

  it('cannot say anything of records where attributes are all that is known', () => {
    const { party } = movableOf('block');
    const alone: Party = { ...party, profile: null, virtio: null };
    expect(strategies.attributes.judge(alone, party)).toEqual({ compatible: true, reasons: [] });
    expect([strategies.parts.judge(alone, party), strategies.records.judge(party, alone)]).toEqual([
      null,
      null,
    ]);
  });

  it('takes nothing where nothing is compatible', () => {
    const { party } = movableOf('block');
    const shy: Party = { ...party, attributes: { ...party.attributes, compatible: [] } };
    expect(strategies.attributes.judge(party, shy).compatible).toBe(false);
  });
});

describe('releases', () => {
  it('have the versions of all records of today', () => {
    // A record whose version rose since wants a release of its own.
    const { rows } = profileOfManifest(freshMachine().machine.manifest());
    const today = new Map([...rows.values()].map(({ record, version }) => [record, version]));
    const last = new Map(
      releases.flatMap(({ raised }) => raised.map(({ record, version }) => [record, version] as const)),
    );
    const first = { status: 2 };
    for (const [record, version] of today)
      expect([record, version]).toEqual([record, last.get(record!) ?? { ...first }[record!] ?? 1]);
  });

  it('are told by their states: that of the first release, and of today', () => {
    for (const [name, release] of [
      ['machine-1', 0],
      ['machine-2', newestRelease],
    ] as const)
      for (const { state } of savedFunctions(kept(name)))
        expect(releaseOf(partyOfState('it', state).profile!)).toBe(release);
  });

  it("make of today's state what the first release saved, to the field", () => {
    const fields = (state: State, path = ''): string[] =>
      typeof state === 'object' && state !== null && !(state instanceof Uint8Array)
        ? Object.entries(state).flatMap(([name, each]) =>
            name === 'inFlight' || name === 'shape'
              ? []
              : [`${path}.${name}`, ...fields(each as State, `${path}.${name}`)],
          )
        : [];
    // Saved by two programs at the same moment of the same machine.
    expect(fields(stateOfRelease(kept('machine-2'), 0))).toEqual(fields(kept('machine-1')));
    expect(fields(kept('machine-2'))).not.toEqual(fields(kept('machine-1')));
  });

  it('take what the kept states of their functions are, and those of today do not go back', () => {
    const machine = freshMachine().machine;
    const parties = [...machine.functions.values()].filter((fn) => fn.parts.has('device')).map((fn) => fn);
    for (const name of ['machine-1', 'machine-2'])
      for (const [i, { state }] of savedFunctions(kept(name)).entries()) {
        const fn = parties[i]!;
        expect(() => fn.check(state.state)).not.toThrow();
        const target = { name: 'it', attributes: { self: new Map(), compatible: [] }, virtio: null };
        const profile = profileOfManifest({ function: fn.manifest(), host: null });
        expect(strategies.records.judge(partyOfState('then', state), { ...target, profile })).toEqual({
          compatible: true,
          reasons: [],
        });
        for (const [j, other] of parties.entries())
          if (j !== i)
            expect(
              strategies.records.judge(partyOfState('then', state), {
                ...target,
                profile: profileOfManifest({ function: other.manifest(), host: null }),
              })?.compatible,
            ).toBe(false);
      }
    const first = savedFunctions(kept('machine-1'))[4]!.state;
    const entropy = 'entropy:legacy,queue-size=4,seed=7';
    expect(refusal(first, movableOf(entropy))).toBeNull();
    expect(refusal(first, movableOf(`${entropy},release=1.0.0`))).toBeNull();
    expect(refusal(movableOf(entropy).save(), movableOf(`${entropy},release=1.0.0`))?.message).toContain(
      'found "1.1.0", expected a state of release 1.0.0 or older',
    );
  });
});

describe('a state from the future', () => {
  it('is refused beforehand, and at load, by its place', () => {
    const target = movableOf('block');
    const text = stateToText(target.save());
    const later = stateFromText(text.replace('"device":{"version":2', '"device":{"version":9'));
    expect(strategies.records.judge(partyOfState('later', later), target.party)).toEqual({
      compatible: false,
      reasons: [{ what: 'version of parts.device', source: '9', target: '1 to 2' }],
    });
    expect(refusal(later, target)?.message).toContain(
      'parts.device.version: found 9, expected version 2 or older',
    );
  });

  it('may be of a type that there is not any more', () => {
    const target = movableOf('block');
    const gone = stateFromText(stateToText(target.save()).replaceAll('"type":"block"', '"type":"drum"'));
    const party = partyOfState('gone', gone);
    expect(party.virtio!.type).toBe('drum');
    for (const name of ['attributes', 'versions', 'parts', 'records'] as const)
      expect([name, strategies[name].judge(party, target.party)!.compatible]).toEqual([name, false]);
    expect(refusal(gone, target)).not.toBeNull();
  });
});

describe('functions in a state', () => {
  it('are found in a machine, in a function and in what a device saves', () => {
    expect(savedFunctions(kept('machine-1')).map(({ address }) => address)).toEqual(
      [2, 3, 4, 5, 6, 7, 8].map((device) => `00:0${device}.0`),
    );
    const saved = movableOf('block:mmr').save();
    expect(savedFunctions(saved)).toEqual([{ address: null, state: saved }]);
    const { pci } = virtioFunction(new EntropyDevice(), { kind: 'modern' });
    expect(savedFunctions(pci.save())).toEqual([{ address: null, state: { state: pci.save(), host: null } }]);
  });

  it.each<[string, State]>([
    ['nothing', null],
    ['a list', []],
    ['something else', { version: 1, counter: 2 }],
    ['no functions', { functions: [] }],
    ['functions that are none', { functions: [7, { address: 'x' }, { address: 8, state: null }] }],
  ])('are not in %s', (_, state) => {
    expect(() => savedFunctions(state)).toThrow(NoFunctionSavedError);
  });
});

describe('a device in words', () => {
  it('is published as compatible with itself, whatever it is', () => {
    for (const type of movableTypes) {
      const { self, compatible } = movableOf(type).party.attributes;
      expect(outside(self, compatible[0]!)).toEqual([]);
      expect(refusal(stateFromText(stateToText(movableOf(type).save())), movableOf(type))).toBeNull();
    }
  });

  it.each([
    '',
    'blok',
    'constructor',
    'block:',
    'block:nowhere',
    'block:mmr:more',
    'rtc:legacy',
    'rtc:transitional',
    'rtc:io-bar',
    'block,',
    'block,colour=red',
    'block,toString',
    'block,sectors',
    'block,sectors=-1',
    'block,sectors=1e3',
    'block,queue-size=5',
    'block,packed=1',
    'block,endian=middle',
    'block,draft=other',
    'block,release=9.0.0',
    'network,mac=1:2',
    'block,mac=52:54:00:00:00:01',
    `p9,tag=${'x'.repeat(65)}`,
  ])('is not %j', (spec) => {
    expect(() => movableOf(spec)).toThrow(DeviceSpecError);
  });

  it('has options that each change something', () => {
    const values: Record<string, string> = {
      ...{
        mac: '52:54:00:00:00:01',
        endian: 'big',
        draft: 'mmr-fixed-vectors',
        placement: 'shared',
        release: '1.0.0',
      },
      ...{ serial: 'x', tag: 'x', 'queue-size': '4', cid: '9', mtu: '1400', sectors: '9' },
      ...{ 'queue-pairs': '2', queues: '2', ports: '2', lun: '2', vectors: '1', seed: '1' },
    };
    const flags = ['read-only', 'reports', 'hints', 'packed', 'suspend', 'express'];
    for (const type of movableTypes)
      for (const option of [...optionNamesOf(type), ...functionOptionNames]) {
        const place = ['draft', 'placement'].includes(option) ? 'mmr' : 'modern';
        if (['rtc', 'vsock'].includes(type) && place === 'mmr') continue;
        const spec = flags.includes(option) ? option : `${option}=${values[option]}`;
        // No modern function is of the other byte order; how long a SCSI disk is, is no part of a state; a CID moves along.
        if (option === 'endian' || ['scsi sectors', 'vsock cid'].includes(`${type} ${option}`)) continue;
        const judged = said('records', `${type}:${place}`, `${type}:${place},${spec}`);
        expect([type, option, judged.compatible]).toEqual([type, option, false]);
      }
  });

  it('may offer what is not usual', () => {
    expect(defaultTransportFeatures).not.toContain(feature.ringPacked);
    expect(movableOf('entropy:modern,packed').party.virtio!.offered[1]).toBe(
      0b101 | (1 << (feature.ringReset - 32)),
    );
  });
});
