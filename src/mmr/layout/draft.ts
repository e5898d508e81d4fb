import { type Register, type RegisterMap, registers, ro } from '../../core/index.ts';
import { extendedCapabilityId, extendedHeader, vendorSpecificExtended } from '../../pci/layout/index.ts';
import { VIRTIO_VENDOR_ID } from '../../virtio/layout/index.ts';

/**
 * The capability as the draft's first reading has it: PCI Express gives the dword after the extended header to a
 * vendor-specific header, whose id is the cfg_type.
 */
export const vendorHeaderEncoding = registers({
  ...vendorSpecificExtended,
  bar: ro(0x08, 1),
  id: ro(0x09, 1),
  padding: ro(0x0a, 1, '', { count: 2 }),
  offset: ro(0x0c, 1, '', { count: 4 }),
  length: ro(0x10, 1, '', { count: 4 }),
  reserved: ro(0x14, 4),
});

/**
 * The other reading: the bytes of the ordinary virtio capability from cfg_type on, right after the extended header.
 * Offset and length are not even aligned, and software that knows the vendor-specific header misreads it.
 */
export const bareEncoding = registers({
  ...extendedHeader,
  cfgType: ro(0x04, 1),
  bar: ro(0x05, 1),
  id: ro(0x06, 1),
  padding: ro(0x07, 1, '', { count: 2 }),
  offset: ro(0x09, 1, '', { count: 4 }),
  length: ro(0x0d, 1, '', { count: 4 }),
  tail: ro(0x11, 1, '', { count: 3 }),
});

export const encodings = {
  'vendor-header': vendorHeaderEncoding,
  bare: bareEncoding,
} as const satisfies Record<string, RegisterMap>;

/** How a capability says where the block stands. */
export interface CapabilityEncoding {
  /** The bytes of `bar`, `offset` and `length`, each little-endian; where the cfg_type has a byte of its own, that is `cfgType`. */
  readonly map: RegisterMap & Readonly<Record<'bar' | 'offset' | 'length', Register>>;
  /** A vendor-specific header follows the extended one, and its id is the cfg_type. */
  readonly vendorHeader: boolean;
}

/** Every choice that a reading of the draft makes, by name. Another reading is another table. */
export interface Draft {
  readonly name: string;
  readonly vendorId: number;
  readonly revisionId: number;
  /** By the names of device types; of others it is the type's own `mmrId`. */
  readonly deviceIds: Readonly<Record<string, number>>;
  readonly extendedCapabilityId: number;
  readonly extendedCapabilityVersion: number;
  /** What the capability says that it points at. */
  readonly cfgType: number;
  /** One of ours by its name, or the draft's own. */
  readonly encoding: keyof typeof encodings | CapabilityEncoding;
  /** When the vector registers stand in the block: while MSI-X is enabled, or always. */
  readonly msixShift: 'as-legacy' | 'fixed';
  /** How software learns that a reset is done: by reading status until it is 0, or not at all. */
  readonly resetHandshake: 'read-back' | 'none';
  /** The legacy block's place where the author of a function does not choose one. */
  readonly bar: 0 | 1 | 2 | 3 | 4 | 5;
  readonly offset: number;
  /** Bytes to which the block's offset is aligned. */
  readonly offsetAlignment: number;
  readonly prefetchable: boolean;
}

/** A draft's encoding, whether it is one of ours or its own. */
export const encodingOf = ({ encoding }: Pick<Draft, 'encoding'>): CapabilityEncoding =>
  typeof encoding === 'string'
    ? { map: encodings[encoding], vendorHeader: encoding === 'vendor-header' }
    : encoding;

/** The draft as this project reads it. */
export const draft2023: Draft = {
  name: 'mmr-2023',
  vendorId: VIRTIO_VENDOR_ID,
  revisionId: 0,
  deviceIds: {
    network: 0x10f9,
    block: 0x10fa,
    balloon: 0x10fb,
    console: 0x10fc,
    scsi: 0x10fd,
    entropy: 0x10fe,
    p9: 0x10ff,
  },
  extendedCapabilityId: extendedCapabilityId.vendorSpecific,
  extendedCapabilityVersion: 1,
  cfgType: 10,
  encoding: 'vendor-header',
  msixShift: 'as-legacy',
  resetHandshake: 'read-back',
  bar: 0,
  offset: 0x1000,
  offsetAlignment: 4096,
  prefetchable: false,
};
