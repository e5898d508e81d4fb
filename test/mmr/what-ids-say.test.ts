import { describe, expect, it, test } from 'vitest';
import {
  bareCapabilityDraft,
  claimOf,
  decodeCapability,
  draft2023,
  draftOf,
  drafts,
  encodeCapability,
  identify,
  mmrIdOf,
  waysOf,
} from '../../src/mmr/index.ts';
import {
  blockDeviceType,
  deviceTypes,
  ModernOnlyTypeError,
  vsockDeviceType,
} from '../../src/virtio/index.ts';

const ids = (vendorId: number, deviceId: number, subsystemId = 0) => ({
  vendorId,
  deviceId,
  subsystemId,
  revisionId: 0,
});
const VIRTIO = 0x1af4;
const BLOCK = 2;
const ENTROPY = 4;

describe('what the ids of a function claim', () => {
  test.each([
    ['an MMR one, by the draft', ids(VIRTIO, 0x10fe), { ids: 'mmr', typeNumber: ENTROPY }],
    [
      'a transitional one, by the subsystem id',
      ids(VIRTIO, 0x1001, BLOCK),
      { ids: 'transitional', typeNumber: BLOCK },
    ],
    ['a modern one', ids(VIRTIO, 0x1042), { ids: 'modern', typeNumber: BLOCK }],
  ])('PCI-ID-08..10: %s', (_, each, claim) => {
    expect(claimOf(each)).toMatchObject(claim);
    expect(claimOf(each)!.type!.typeNumber).toBe(claim.typeNumber);
  });

  it('a type that nobody knows is a number, and no row', () => {
    expect(claimOf(ids(VIRTIO, 0x1040 + 60))).toEqual({ ids: 'modern', typeNumber: 60, type: null });
  });

  it.each([
    ['another vendor', ids(0x8086, 0x1042)],
    ['the vendor, and no id of its virtio functions', ids(VIRTIO, 0x1110)],
    ['an empty slot', ids(0xffff, 0xffff)],
  ])('none: %s', (_, each) => {
    expect(claimOf(each)).toBeNull();
    expect(identify(each.vendorId, each.deviceId)).toBeNull();
  });

  it('a draft with ids of its own claims by them', () => {
    const moved = { ...draft2023, vendorId: 0x1234, deviceIds: { ...draft2023.deviceIds, block: 0x1001 } };
    expect(claimOf(ids(0x1234, 0x1001), moved)).toMatchObject({ ids: 'mmr', typeNumber: BLOCK });
    expect(claimOf(ids(0x1234, 0x1001))).toBeNull();
    expect(claimOf(ids(VIRTIO, 0x1001, BLOCK), moved)).toMatchObject({ ids: 'transitional' });
  });

  test.each(deviceTypes.map((type) => [type.name, type] as const))(
    '%s: each of its ids is its own',
    (_, type) => {
      expect(identify(VIRTIO, 0x1040 + type.typeNumber)).toEqual({ type, ids: 'modern' });
      if (type.transitionalId === null) return;
      expect(identify(VIRTIO, type.transitionalId)).toEqual({ type, ids: 'legacy' });
      expect(identify(VIRTIO, mmrIdOf(type, draft2023))).toEqual({ type, ids: 'mmr' });
    },
  );
});

describe('a type for which a draft names no id', () => {
  it('has none, and the refusal says which draft was asked', () => {
    const asked = () => mmrIdOf(vsockDeviceType, bareCapabilityDraft);
    expect(asked).toThrow(ModernOnlyTypeError);
    expect(asked).toThrow(
      'of kind mmr: the type has no id, nor has the draft mmr-bare-capability one for it',
    );
    const own = { ...draft2023, deviceIds: { ...draft2023.deviceIds, vsock: 0x10f0 } };
    expect(mmrIdOf(vsockDeviceType, own)).toBe(0x10f0);
  });

  it('is built for no way that needs an id, or a transitional one', () => {
    expect(waysOf(vsockDeviceType)).toEqual(['modern']);
    const own = { ...draft2023, deviceIds: { ...draft2023.deviceIds, vsock: 0x10f0 } };
    expect(waysOf(vsockDeviceType, own)).toEqual(['mmr', 'mmr-virtual', 'native-mmr', 'modern']);
    expect(waysOf(blockDeviceType)).toEqual([
      'io-bar',
      'memory-bar',
      'mmr',
      'mmr-virtual',
      'admin',
      'modern-shim',
      'native-mmr',
      'legacy-memory',
      'transitional-memory',
      'modern',
    ]);
  });
});

describe('the draft by which an extended capability is read', () => {
  const dwords = (bytes: Uint8Array) => (at: number) => new DataView(bytes.buffer).getUint32(at, true);
  const made = (name: string) => {
    const bytes = new Uint8Array(24);
    new DataView(bytes.buffer).setUint32(0, 0x0001000b, true);
    for (const [at, byte] of encodeCapability(drafts[name]!, { bar: 2, offset: 0x3000, length: 0x18 }))
      bytes[at] = byte;
    return bytes;
  };

  // The fixed vectors do not show in the capability: it is the draft's own.
  it.each([
    ['mmr-2023', 'mmr-2023'],
    ['mmr-fixed-vectors', 'mmr-2023'],
    ['mmr-bare-capability', 'mmr-bare-capability'],
  ])('%s: %s', (written, read) => {
    const dword = dwords(made(written));
    const draft = draftOf(dword);
    expect(draft?.name).toBe(read);
    expect(decodeCapability(draft!, dword)).toEqual({ bar: 2, offset: 0x3000, length: 0x18 });
  });

  it('a vendor-specific header says at least its own length (PCI Express 5.0, 7.9.5)', () => {
    const bytes = made('mmr-2023');
    const long = (length: number) => new DataView(bytes.buffer).setUint32(4, (length << 20) | 0x0a, true);
    long(8);
    expect(draftOf(dwords(bytes))?.name).toBe('mmr-2023');
    long(7);
    expect(draftOf(dwords(bytes))?.name).toBe('mmr-bare-capability');
  });

  it.each(['mmr-2023', 'mmr-bare-capability'])('none: %s with another id, or another cfg_type', (name) => {
    const bytes = made(name);
    bytes[4]!++;
    expect(draftOf(dwords(bytes))).toBeNull();
    bytes[4]!--;
    bytes[0]!++;
    expect(draftOf(dwords(bytes))).toBeNull();
  });
});
