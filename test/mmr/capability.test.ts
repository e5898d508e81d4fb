import { describe, expect, it, test } from 'vitest';
import { registers, ro } from '../../src/core/index.ts';
import {
  addLegacyBlockCapability,
  BlockPlacementError,
  bareCapabilityDraft,
  capabilityBytes,
  type Draft,
  decodeCapability,
  draft2023,
  drafts,
  encodeCapability,
  fixedVectorsDraft,
  type MmrFunctionOptions,
  mmrFunction,
} from '../../src/mmr/index.ts';
import { DeviceConfig } from '../../src/virtio/index.ts';
import { configOf, SLOT } from '../pci/support.ts';
import { Probe } from '../virtio/support/probe.ts';
import { hostWith } from './support.ts';

/** 36 bytes of configuration, as the block device has: a block of 60 = 0x3c bytes. */
const behaviour = () =>
  new Probe({ type: 'block', config: new DeviceConfig(registers({ all: ro(0, 1, '', { count: 36 }) })) });

const bytesOf = (options: MmrFunctionOptions, length: number) => {
  const config = configOf(hostWith(mmrFunction(behaviour(), options).pci), SLOT);
  return Array.from({ length }, (_, i) =>
    config
      .read(0x100 + i, 1)
      .toString(16)
      .padStart(2, '0'),
  ).join(' ');
};

describe('the capability of the legacy block, byte by byte', () => {
  const own = { placement: 'own' } as const;
  const shared = { placement: 'shared' } as const;
  // Written out from the draft's table: extended header, vendor-specific header, bar id padding, offset, length, reserved.
  const written: readonly [string, MmrFunctionOptions, string][] = [
    [
      'mmr-2023, BAR of its own',
      own,
      '0b 00 01 00 0a 00 80 01 00 00 00 00 00 10 00 00 3c 00 00 00 00 00 00 00',
    ],
    [
      'mmr-2023, shared BAR',
      shared,
      '0b 00 01 00 0a 00 80 01 04 00 00 00 00 40 00 00 3c 00 00 00 00 00 00 00',
    ],
    [
      'mmr-fixed-vectors, BAR of its own',
      { ...own, draft: fixedVectorsDraft },
      '0b 00 01 00 0a 00 80 01 00 00 00 00 00 10 00 00 3c 00 00 00 00 00 00 00',
    ],
    // The bytes of virtio_pci_cap from cfg_type on: cfg_type bar id padding[2] offset length.
    [
      'mmr-bare-capability, BAR of its own',
      { ...own, draft: bareCapabilityDraft },
      '0b 00 01 00 0a 00 00 00 00 00 10 00 00 3c 00 00 00 00 00 00',
    ],
    [
      'mmr-bare-capability, shared BAR',
      { ...shared, draft: bareCapabilityDraft },
      '0b 00 01 00 0a 04 00 00 00 00 40 00 00 3c 00 00 00 00 00 00',
    ],
  ];
  test.each(written)('%s', (_, options, bytes) => {
    expect(bytesOf(options, bytes.split(' ').length)).toBe(bytes);
    expect(capabilityBytes(options.draft ?? draft2023)).toBe(bytes.split(' ').length);
  });

  test.each(Object.entries(drafts))('%s: what is encoded is decoded', (_, draft) => {
    const place = { bar: 3, offset: 0xfedcb000, length: 0x89abcdef };
    const bytes = new Uint8Array(capabilityBytes(draft));
    new DataView(bytes.buffer).setUint32(0, 0x0001000b, true);
    for (const [offset, byte] of encodeCapability(draft, place)) bytes[offset] = byte;
    const dword = (at: number) => new DataView(bytes.buffer).getUint32(at, true);
    expect(decodeCapability(draft, dword)).toEqual(place);
  });

  const other: readonly [string, Draft, number, number][] = [
    ['another extended capability', draft2023, 0x0001000d, 0x0180000a],
    ['another cfg_type', draft2023, 0x0001000b, 0x01800009],
    ['another extended capability, bare', bareCapabilityDraft, 0x00010001, 0x0000000a],
    ['another cfg_type, bare', bareCapabilityDraft, 0x0001000b, 0x0000000b],
  ];
  test.each(other)('%s is passed over', (_, draft, header, second) => {
    expect(decodeCapability(draft, (at) => (at === 0 ? header : at === 4 ? second : 0))).toBeNull();
  });

  test.each([1, 24, 0x800, 0x1001])(
    'an offset of %d is refused: the draft wants a multiple of 4096',
    (offset) => {
      const fn = mmrFunction(behaviour());
      expect(() => addLegacyBlockCapability(fn, draft2023, 0, offset)).toThrow(BlockPlacementError);
      expect(() => mmrFunction(behaviour(), { draft: { ...draft2023, offset } })).toThrow(/multiple of 4096/);
    },
  );

  it('every reading of the draft is known by its name', () => {
    expect(Object.keys(drafts)).toEqual(['mmr-2023', 'mmr-fixed-vectors', 'mmr-bare-capability']);
    for (const [name, draft] of Object.entries(drafts)) expect(draft.name).toBe(name);
  });
});
