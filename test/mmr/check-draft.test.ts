import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { functionAddress, ro } from '../../src/core/index.ts';
import { runFirmware } from '../../src/driver/index.ts';
import {
  checkDraft,
  type Draft,
  DraftError,
  draft2023,
  draftFaults,
  drafts,
  mmrFunction,
  presentLegacy,
} from '../../src/mmr/index.ts';
import { Machine } from '../../src/pci/index.ts';
import { BlockDevice, MemoryStorage } from '../../src/virtio/index.ts';

const behaviour = () => new BlockDevice({ storage: new MemoryStorage(new Uint8Array(512)) });
const ids = (changed: object) => ({ deviceIds: { ...draft2023.deviceIds, ...changed } });

/** A choice, the field that is refused for it, and a word of what would be right. */
const refused: readonly (readonly [what: string, changed: object, field: string, wants: RegExp])[] = [
  [
    'the id of another type of the draft',
    ids({ block: 0x10f9 }),
    'deviceIds.block',
    /the draft's id of network/,
  ],
  [
    'the transitional id of another type',
    ids({ block: 0x1000 }),
    'deviceIds.block',
    /the transitional id of network/,
  ],
  ['its own modern id', ids({ block: 0x1042 }), 'deviceIds.block', /the modern id of block/],
  ['an id that an empty slot reads', ids({ block: 0xffff }), 'deviceIds.block', /0xfffe/],
  ['an id that is no whole number', ids({ block: 16.5 }), 'deviceIds.block', /0xfffe/],
  ['no vendor', { vendorId: 0xffff }, 'vendorId', /0xfffe/],
  ['a revision of 256', { revisionId: 256 }, 'revisionId', /0xff/],
  ['version 0 of its capability', { extendedCapabilityVersion: 0 }, 'extendedCapabilityVersion', /1\.\.15/],
  ['version 16 of its capability', { extendedCapabilityVersion: 16 }, 'extendedCapabilityVersion', /1\.\.15/],
  ['capability id 0', { extendedCapabilityId: 0 }, 'extendedCapabilityId', /0x1\.\./],
  ['cfg_type 0', { cfgType: 0 }, 'cfgType', /1\.\.0xffff/],
  ['a cfg_type of 9 bits in a byte', { encoding: 'bare', cfgType: 256 }, 'cfgType', /1\.\.0xff$/],
  ['BAR 6', { bar: 6 }, 'bar', /0\.\.5/],
  ['an offset that it does not align', { offset: 0x1004 }, 'offset', /multiple of 4096/],
  ['a negative offset', { offset: -4096 }, 'offset', /0\.\./],
  ['an offset that no BAR has', { offset: 2 ** 40 }, 'offset', /0\.\./],
  ['an alignment of 3', { offsetAlignment: 3, offset: 0 }, 'offsetAlignment', /power of two/],
  ['an alignment of 0', { offsetAlignment: 0, offset: 0 }, 'offsetAlignment', /power of two/],
  ['an unknown encoding', { encoding: 'toString' }, 'encoding', /vendor-header or bare/],
  [
    'an encoding without a length',
    { encoding: { map: { bar: ro(8, 1), offset: ro(12, 4) }, vendorHeader: true } },
    'encoding',
    /bar, offset and length/,
  ],
  [
    'an encoding in the header',
    { encoding: { map: { bar: ro(3, 1), offset: ro(4, 4), length: ro(8, 4) }, vendorHeader: false } },
    'encoding',
    /behind the header/,
  ],
  [
    'an encoding of shared bytes',
    { encoding: { map: { bar: ro(8, 1), offset: ro(8, 4), length: ro(12, 4) }, vendorHeader: true } },
    'encoding',
    /bar, offset/,
  ],
  ['an encoding that is nothing', { encoding: null }, 'encoding', /vendor-header or bare/],
  ['an unknown shift', { msixShift: 'sometimes' }, 'msixShift', /as-legacy or fixed/],
  ['an unknown handshake', { resetHandshake: undefined }, 'resetHandshake', /read-back or none/],
  ['a BAR that may be prefetchable', { prefetchable: 'maybe' }, 'prefetchable', /true or false/],
];

describe('a draft with', () => {
  it.each(refused)('%s is refused by name, and no function is made with it', (_, changed, field, wants) => {
    const draft = { ...draft2023, ...changed } as Draft;
    const faults = draftFaults(draft);
    expect(faults.map((each) => each.field)).toEqual([field]);
    expect(faults[0]!.wants).toMatch(wants);
    expect(() => mmrFunction(behaviour(), { draft })).toThrow(DraftError);
    const machine = new Machine();
    const fn = mmrFunction(behaviour());
    machine.plug(fn.pci, functionAddress(0, 4));
    runFirmware(machine);
    expect(() => presentLegacy(machine, functionAddress(0, 4), { draft })).toThrow(DraftError);
    // It was refused before it was taken.
    expect(presentLegacy(machine, functionAddress(0, 4)).type.name).toBe('block');
  });

  it('everything wrong is told at once', () => {
    const draft = { ...draft2023, bar: 9, cfgType: 0, vendorId: 0 } as unknown as Draft;
    expect(draftFaults(draft).map(({ field }) => field)).toEqual(['vendorId', 'bar', 'cfgType']);
    expect(() => checkDraft(draft)).toThrow(/vendorId 0x0: wants .*; bar 0x9: wants .*; cfgType 0x0: wants/);
  });

  it("another maker's vendor id may have any ids that differ", () => {
    expect(draftFaults({ ...draft2023, vendorId: 0x1b36, ...ids({ block: 0x1000 }) })).toEqual([]);
  });

  it('any order of its ids, or of others that are free, is as good', () => {
    const free = fc.uniqueArray(fc.integer({ min: 0x1080, max: 0x10ff }), { minLength: 7, maxLength: 7 });
    const names = Object.keys(draft2023.deviceIds);
    fc.assert(
      fc.property(free, (numbers) => {
        const deviceIds = Object.fromEntries(names.map((name, i) => [name, numbers[i]!]));
        expect(draftFaults({ ...draft2023, deviceIds })).toEqual([]);
      }),
    );
  });

  it.each(Object.entries(drafts))('%s is right', (_, draft) => {
    expect(checkDraft(draft)).toBe(draft);
  });
});
