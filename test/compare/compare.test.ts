import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  type Comparison,
  CostError,
  compareWays,
  costTable,
  countNames,
  defaultCosts,
  phaseNames,
  workloadNames,
  workloads,
} from '../../src/compare/index.ts';
import { OptionError } from '../../src/core/index.ts';
import { isTranslated, type WayName, wayNames } from '../../src/mmr/index.ts';
import { runs } from '../properties/support/runs.ts';

/** A guest is shown the function. */
const translated = (way: string) => isTranslated(way as WayName);

describe.each(workloadNames)('%s by every way', (device) => {
  let comparison: Comparison;
  const of = (way: string) => comparison.ways.find((each) => each.way === way)!;
  beforeAll(async () => {
    comparison = await compareWays({ device, vfs: 1000 });
  });

  it('has every way, in the order of the table', () => {
    expect(comparison.ways.map(({ way }) => way)).toEqual(wayNames);
  });

  it('leaves the guest only where there is something between the two', () => {
    for (const { way, counts } of comparison.ways)
      for (const phase of phaseNames)
        expect(counts[phase].portExits > 0 || counts[phase].configExits > 0, `${way} ${phase}`).toBe(
          translated(way) && (phase !== 'request' || counts[phase].portExits > 0),
        );
  });

  // The reference passes each port access on as it is.
  it('takes a port access of the device for each of the guest, by io-bar', () => {
    for (const phase of phaseNames) {
      const { portExits, portAccesses } = of('io-bar').counts[phase];
      expect(portAccesses, phase).toBe(portExits);
    }
  });

  it('takes no ports by mmr', () => {
    for (const phase of phaseNames) expect(of('mmr').counts[phase].portAccesses, phase).toBe(0);
    expect(of('mmr').resources.portBytes).toBe(0);
  });

  // Rings and payloads are the same, whoever found the registers.
  it('transfers the same for a request by every legacy way', () => {
    const dma = ['dmaReads', 'dmaReadBytes', 'dmaWrites', 'dmaWrittenBytes'] as const;
    const counted = (way: string) => dma.map((name) => of(way).counts.request[name]);
    // A driver that reads configuration at each request asks the owner for it.
    const unasked = of('admin').counts.request.adminCommands === 0 ? ['admin'] : [];
    for (const way of ['mmr', 'native-mmr', 'legacy-memory', 'mmr-virtual', ...unasked])
      expect(counted(way), way).toEqual(counted('io-bar'));
    const { request } = of('mmr').counts;
    const payload = device === 'balloon' ? 0 : comparison.bytes;
    expect(request.dmaReadBytes + request.dmaWrittenBytes).toBeGreaterThan(payload);
  });

  it('takes for a virtual function what it takes for another, but where the owner is asked', () => {
    for (const phase of phaseNames) {
      const { configAccesses: _, ...plain } = of('mmr').counts[phase];
      const { configAccesses: __, ...virtual } = of('mmr-virtual').counts[phase];
      expect(virtual, phase).toEqual(plain);
    }
    const { bringUp, request } = of('admin').counts;
    expect(bringUp.adminCommands).toBeGreaterThan(of('mmr').counts.bringUp.portExits / 2);
    // A kick goes to the member itself: no command is in the way of work, but where a driver looks at configuration, as a
    // balloon's does at its target.
    expect(request.adminCommands > 0).toBe(device === 'balloon');
    for (const { way, counts } of comparison.ways)
      if (way !== 'admin') for (const phase of phaseNames) expect(counts[phase].adminCommands).toBe(0);
  });

  it('adds resources up', () => {
    for (const { resources, resourcesOfAll } of comparison.ways)
      for (const [name, bytes] of Object.entries(resources))
        expect(resourcesOfAll[name as keyof typeof resourcesOfAll]).toBe(1000 * bytes);
  });

  it('says of choices only what changes', () => {
    for (const { choice, changes } of comparison.choices)
      for (const { from, to } of changes) expect(from, choice).not.toBe(to);
    const [shared] = comparison.choices;
    expect(shared!.changes.map(({ name }) => name)).toContain('barBytes');
  });
});

describe('a comparison', () => {
  it('models time as the sum of counts by costs', async () => {
    const names = Object.keys(countNames) as (keyof typeof countNames)[];
    const [way] = (await compareWays({ device: 'entropy', ways: ['mmr'] })).ways;
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...names),
        fc.double({ min: 0, max: 1e6, noNaN: true }),
        async (name, ns) => {
          const none = Object.fromEntries(names.map((each) => [each, 0]));
          const costs = costTable({ ...none, [name]: ns });
          const [other] = (await compareWays({ device: 'entropy', ways: ['mmr'], costs })).ways;
          for (const phase of phaseNames) {
            expect(other!.counts[phase]).toEqual(way!.counts[phase]);
            expect(other!.modelledNs[phase]).toBeCloseTo(way!.counts[phase][name] * ns, 3);
          }
        },
      ),
      { numRuns: Math.min(runs(12), 100) },
    );
  });

  it('counts the same every time', async () => {
    const once = async () => (await compareWays({ device: 'scsi' })).ways.map(({ counts }) => counts);
    expect(await once()).toEqual(await once());
  });

  it('has no choices of the draft to compare where mmr is left out', async () => {
    const { ways, choices } = await compareWays({ device: 'entropy', ways: ['io-bar'] });
    expect([ways.length, choices.length]).toEqual([1, 0]);
  });

  it.each(workloadNames)('grows with the request of %s, up to the most', async (device) => {
    const { least, most } = workloads[device].bytes;
    const dma = async (bytes: number) => {
      const [way] = (await compareWays({ device, bytes, ways: ['mmr'] })).ways;
      return way!.counts.request.dmaReadBytes + way!.counts.request.dmaWrittenBytes;
    };
    expect(await dma(most)).toBeGreaterThan(await dma(least));
  });

  it.each([
    {
      options: { device: 'block', bytes: 100 },
      text: /request bytes 100: wants a multiple of 512 of 512\.\.1048576/,
    },
    {
      options: { device: 'network', bytes: 1515 },
      text: /1515: wants a whole number of 60\.\.1514 for network/,
    },
    { options: { device: 'block', vfs: 0 }, text: /functions 0: wants a whole number of 1\.\.65535/ },
    { options: { device: 'block', vfs: 65536 }, text: /65536/ },
  ] as const)('refuses $options', async ({ options, text }) => {
    const refusal = compareWays(options);
    await expect(refusal).rejects.toThrow(OptionError);
    await expect(refusal).rejects.toThrow(text);
  });
});

describe('a table of costs', () => {
  it('has a source for every number', () => {
    for (const { ns, source } of Object.values(defaultCosts)) {
      expect(ns).toBeGreaterThan(0);
      expect(source).not.toBe('');
    }
  });

  it('takes the place of some numbers', () => {
    expect(costTable({ portExits: 7 })).toEqual({ ...costTable(), portExits: 7 });
  });

  it.each([
    { own: null, text: /costs null/ },
    { own: [1], text: /wants an object of nanoseconds by name/ },
    { own: { exits: 1 }, text: /costs\.exits 1: wants none but portExits, / },
    { own: { portExits: -1 }, text: /costs\.portExits -1: wants nanoseconds, at least 0/ },
    { own: { portExits: '5' }, text: /costs\.portExits 5/ },
    { own: { portExits: Number.NaN }, text: /NaN/ },
  ])('refuses $own', ({ own, text }) => {
    expect(() => costTable(own)).toThrow(CostError);
    expect(() => costTable(own)).toThrow(text);
  });
});
