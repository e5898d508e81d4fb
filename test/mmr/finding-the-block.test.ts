import { describe, expect, it, test } from 'vitest';
import type { Width } from '../../src/core/index.ts';
import { FunctionConfig, findFunction, NoDeviceError } from '../../src/driver/index.ts';
import {
  type BlockPlace,
  bareCapabilityDraft,
  type Draft,
  draft2023,
  encodeCapability,
  encodingOf,
  fixedVectorsDraft,
  MmrBackend,
  memoryAccess,
  TranslatorError,
} from '../../src/mmr/index.ts';
import { Machine, type PciFunction } from '../../src/pci/index.ts';
import { layoutOf, VirtioFunction } from '../../src/virtio/index.ts';
import { addScratch, SLOT } from '../pci/support.ts';
import { Probe } from '../virtio/support/probe.ts';
import { hostWith } from './support.ts';

const GOOD: BlockPlace = { bar: 2, offset: 0x1000, length: 24 };

/**
 * A function with any capabilities: BAR0 is I/O, BAR1 has MSI-X, BAR2 (8 KiB) has the block at 0x1000, BAR3 does not
 * exist, BAR4 and 5 are one 64-bit BAR.
 */
function handmade(places: readonly Partial<BlockPlace>[], options: { vectors?: number; draft?: Draft } = {}) {
  const { draft = draft2023, vectors = 3 } = options;
  const identity = { deviceId: draft.deviceIds.entropy!, revisionId: 0, subsystemId: 4 };
  const probe = new Probe();
  const block = { kind: 'memory32', leastBytes: 0x2000, bytes: 24, whole: false } as const;
  const legacy = { ...block, bar: 2, offset: 0x1000 } as const;
  const made = { express: true, vectors };
  const layout = layoutOf(probe, { legacy, modern: false }, made);
  const fn = new VirtioFunction(probe, identity, layout, made, { msixShift: draft.msixShift });
  addScratch(fn.pci, 0, 'io', 64);
  addScratch(fn.pci, 4, 'memory64', 0x2000);
  for (const place of places) addCapability(fn.pci, draft, { ...GOOD, ...place });
  return fn;
}

function addCapability(fn: PciFunction, draft: Draft, place: BlockPlace): void {
  const at = fn.extendedCapabilities.add(draft.extendedCapabilityId, 1, encodingOf(draft).map, {});
  for (const [byte, value] of encodeCapability(draft, place)) fn.config.set(at + byte, 1, value);
}

const useless: readonly [string, Partial<BlockPlace>][] = [
  ['BAR number 6', { bar: 6 }],
  ['BAR number 255', { bar: 255 }],
  ['no bytes', { length: 0 }],
  ['fewer bytes than the header has', { length: 23 }],
  ['a place past the end of the BAR', { offset: 0x2000 }],
  ['a range that leaves the BAR', { offset: 0x1000, length: 0x1001 }],
  ['a range that wraps', { offset: 0xfffff000, length: 0x1018 }],
  ['an I/O BAR', { bar: 0, offset: 0 }],
  ['a BAR that does not exist', { bar: 3, offset: 0 }],
  ['the upper half of a 64-bit BAR', { bar: 5, offset: 0 }],
];

/** Ways to reach the block: each opens it and hands back how it writes. */
const viaTranslator = (machine: Machine, draft: Draft = draft2023) => {
  const backend = new MmrBackend(machine, SLOT, draft);
  return (offset: number, width: Width, value: number) => backend.write(offset, width, value);
};
const viaDriver = (machine: Machine, draft: Draft = draft2023) => {
  const found = findFunction(machine, SLOT)!;
  machine.configWrite(SLOT, 4, 2, 6);
  return memoryAccess(machine, found, draft).write;
};

describe.each([
  ['the translator', viaTranslator, TranslatorError],
  ['the native driver', viaDriver, NoDeviceError],
] as const)('%s', (_, open, error) => {
  it.each(useless)('passes over a capability that names %s, and takes the next one', (_name, place) => {
    const fn = handmade([place, {}]);
    open(hostWith(fn.pci))(18, 1, 3);
    expect(fn.device.status).toBe(3);
  });

  it.each(useless)('finds nothing where all that there is names %s', (_name, place) => {
    const machine = hostWith(handmade([place]).pci);
    expect(() => open(machine)).toThrow(error);
  });

  it('takes the first of several', () => {
    const fn = handmade([{}, { bar: 4, offset: 0 }]);
    open(hostWith(fn.pci))(18, 1, 3);
    expect(fn.device.status).toBe(3);
  });

  it('passes over other extended capabilities and other types', () => {
    const fn = handmade([]);
    const wrong = { bar: 4, offset: 0, length: 24 };
    addCapability(fn.pci, { ...draft2023, cfgType: 9 }, wrong);
    addCapability(fn.pci, { ...draft2023, extendedCapabilityId: 0x000d }, wrong);
    addCapability(fn.pci, draft2023, GOOD);
    open(hostWith(fn.pci))(18, 1, 3);
    expect(fn.device.status).toBe(3);
  });

  it('finds nothing on a function without the capability, or by the table of another draft', () => {
    const none = hostWith(handmade([]).pci);
    expect(() => open(none)).toThrow(error);
    const machine = hostWith(handmade([{}]).pci);
    expect(() => open(machine, { ...draft2023, cfgType: 11 })).toThrow(error);
    expect(() => open(machine, bareCapabilityDraft)).toThrow(error);
    expect(() => open(machine, fixedVectorsDraft)).not.toThrow();
  });
});

describe('a list of extended capabilities', () => {
  const extendedOf = (machine: Machine) =>
    [...new FunctionConfig(machine, SLOT).extendedCapabilities()]
      .filter(({ id }) => id === draft2023.extendedCapabilityId)
      .map(({ offset }) => offset);

  test.each([
    ['ends in itself', 2, 2],
    ['goes back to its start', 2, 0],
    ['goes back into its middle', 2, 1],
  ])('that %s names each capability once', (_, from, to) => {
    const { pci } = handmade([{ bar: 3 }, {}, { bar: 4, offset: 0 }]);
    const { offsets } = pci.extendedCapabilities;
    pci.extendedCapabilities.link(offsets[from]!, offsets[to]!);
    expect(extendedOf(hostWith(pci))).toEqual(offsets);
  });

  it('that leads out of the extended space ends there', () => {
    const { pci } = handmade([{}, {}]);
    const { offsets } = pci.extendedCapabilities;
    pci.extendedCapabilities.link(offsets[0]!, 0x40);
    expect(extendedOf(hostWith(pci))).toEqual([offsets[0]]);
  });
});

describe('the translator', () => {
  it('does not take a function without MSI-X: it could not interrupt', () => {
    const machine = hostWith(handmade([{}], { vectors: 0 }).pci);
    expect(() => viaTranslator(machine)).toThrow(/no MSI-X/);
  });

  it('does not take a function whose BARs have no address', () => {
    const machine = new Machine();
    machine.plug(handmade([{}]).pci, SLOT);
    expect(() => viaTranslator(machine)).toThrow(TranslatorError);
    expect(() => viaTranslator(machine)).toThrow(/no address/);
  });

  it('leaves BARs as it found them, and decodes memory alone', () => {
    const machine = hostWith(handmade([{ bar: 0 }, { bar: 5 }, {}]).pci);
    const bars = () => [0, 1, 2, 3, 4, 5].map((i) => machine.configRead(SLOT, 0x10 + 4 * i, 4));
    const before = bars();
    viaTranslator(machine);
    expect([bars(), machine.configRead(SLOT, 4, 2) & 3]).toEqual([before, 2]);
  });
});
